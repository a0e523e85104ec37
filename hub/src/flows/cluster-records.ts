import { AppError, isAppError } from "@muster/shared/errors.ts";
import { type ClusterId, clusterId } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import { type ClusterRecord, clusterRecord } from "../core/cluster-record.ts";
import type { Documents, Json, StoredDocument, Version } from "../ports/store.ts";

/**
 * Where memberships are kept:
 * - `clusters/<id>`: the record, the only one that decides anything
 * - `cluster-names/<name>` → `{ id }`: written before the record, so that a name is given once
 * - `join-tokens/<token id>` → `{ cluster, expires }`: finds the record of a token, written before the record as well
 * A name or token without its record is what a crash left behind: the next registration takes the name up again.
 */
export interface ClusterRecords {
  get(id: ClusterId): Promise<ClusterRecord | null>;
  byName(name: string): Promise<ClusterRecord | null>;
  byToken(tokenId: string): Promise<ClusterRecord | null>;
  /** Reads, changes and writes, again when somebody else wrote in between. @throws AppError "not-found", "conflict". */
  change(id: ClusterId, next: (record: ClusterRecord) => ClusterRecord): Promise<ClusterRecord>;
  /** The id that owns the name, claiming it for `newId` when nobody does. */
  claimName(name: string, newId: ClusterId): Promise<ClusterId>;
  /** Makes the token findable, and forgets those that expired. */
  announceToken(tokenId: string, token: { cluster: ClusterId; expires: number }, now: number): Promise<void>;
  /** @throws AppError "conflict" when a record is there. */
  create(record: ClusterRecord): Promise<void>;
  /** Deletes if `mayDelete` says so of what is stored; frees the name. */
  remove(id: ClusterId, mayDelete: (record: ClusterRecord) => boolean): Promise<boolean>;
}

const CLUSTERS = "clusters";
const NAMES = "cluster-names";
const TOKENS = "join-tokens";
const ATTEMPTS_MAX = 8;
const TOKENS_SWEPT_EVERY_MS = 60_000;

const nameDocument = z.object({ id: clusterId });
const tokenDocument = z.object({ cluster: clusterId, expires: z.int() });

/** `isDrained`: whether the journal holds an audit entry, so that its record need not carry it any further. */
export function createClusterRecords(
  documents: Documents,
  isDrained: (auditId: string) => boolean = () => false,
): ClusterRecords {
  let sweptAt = Number.NEGATIVE_INFINITY;
  const withoutDrained = (record: ClusterRecord): ClusterRecord =>
    record.audit.some(({ id }) => isDrained(id))
      ? { ...record, audit: record.audit.filter(({ id }) => !isDrained(id)) }
      : record;
  const read = async (id: string): Promise<{ record: ClusterRecord; version: Version } | null> => {
    // Ids come from certificates and requests too: what cannot be a key is the id of no cluster.
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) return null;
    const stored = await documents.get({ collection: CLUSTERS, key: id });
    return stored === null ? null : { record: parse(clusterRecord, stored), version: stored.version };
  };
  const write = (record: ClusterRecord, ifVersion: Version | null): Promise<Version> =>
    documents.put({ collection: CLUSTERS, key: record.id }, record as unknown as Json, { ifVersion });
  const get = async (id: ClusterId): Promise<ClusterRecord | null> => (await read(id))?.record ?? null;
  const idOf = async (name: string): Promise<ClusterId | null> => {
    const stored = await documents.get({ collection: NAMES, key: name });
    return stored === null ? null : parse(nameDocument, stored).id;
  };

  return {
    get,
    async byName(name) {
      const id = await idOf(name);
      return id === null ? null : get(id);
    },
    async byToken(tokenId) {
      const stored = await documents.get({ collection: TOKENS, key: tokenId });
      return stored === null ? null : get(parse(tokenDocument, stored).cluster);
    },
    async change(id, next) {
      for (let attempt = 1; ; attempt++) {
        const found = await read(id);
        if (found === null) throw new AppError("not-found", `no cluster with the id ${id} is registered`);
        const before = withoutDrained(found.record);
        const record = next(before);
        if (record === before) return record;
        try {
          await write(record, found.version);
          return record;
        } catch (error) {
          if (!isAppError(error, "conflict") || attempt >= ATTEMPTS_MAX) throw error;
        }
      }
    },
    async claimName(name, newId) {
      const owner = await idOf(name);
      if (owner !== null) return owner;
      try {
        await documents.put({ collection: NAMES, key: name }, { id: newId }, { ifVersion: null });
        return newId;
      } catch (error) {
        const winner = isAppError(error, "conflict") ? await idOf(name) : null;
        if (winner === null) throw error;
        return winner;
      }
    },
    async announceToken(tokenId, token, now) {
      await documents.put({ collection: TOKENS, key: tokenId }, token, { ifVersion: null });
      // Of a fleet that is registered at once, not every cluster is reason to look through all the others' tokens.
      if (now >= sweptAt && now - sweptAt < TOKENS_SWEPT_EVERY_MS) return;
      sweptAt = now;
      for (const stored of await documents.list(TOKENS)) {
        if (parse(tokenDocument, stored).expires > now) continue;
        await ignoreConflict(documents.delete({ collection: TOKENS, key: stored.key }, { ifVersion: stored.version }));
      }
    },
    async create(record) {
      await write(record, null);
    },
    async remove(id, mayDelete) {
      const found = await read(id);
      if (found === null) return true;
      if (!mayDelete(withoutDrained(found.record))) return false;
      try {
        await documents.delete({ collection: CLUSTERS, key: id }, { ifVersion: found.version });
      } catch (error) {
        if (isAppError(error, "conflict")) return false;
        throw error;
      }
      const name = await documents.get({ collection: NAMES, key: found.record.name });
      if (name !== null && parse(nameDocument, name).id === id) {
        await ignoreConflict(documents.delete({ collection: NAMES, key: name.key }, { ifVersion: name.version }));
      }
      // Registered again in between, under the id that the name still led to: the name stays this record's.
      if ((await read(id)) !== null) {
        await ignoreConflict(documents.put({ collection: NAMES, key: found.record.name }, { id }, { ifVersion: null }));
        return false;
      }
      return true;
    },
  };
}

function parse<S extends z.ZodType>(schema: S, stored: StoredDocument): z.infer<S> {
  const result = schema.safeParse(stored.value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new AppError("corrupt", `stored document ${stored.key}: ${issue?.path.join(".")}: ${issue?.message}`);
}

async function ignoreConflict(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isAppError(error, "conflict")) throw error;
  }
}
