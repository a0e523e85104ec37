import { createHash } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import type { AppUid } from "@muster/shared/model/ids.ts";
import { type AppRecord, appRecord } from "@muster/shared/model/inventory.ts";
import { type Mark, mark } from "@muster/shared/model/mark.ts";
import { z } from "zod";
import type { AgentState } from "../../ports/agent-state.ts";
import { BundleSecrets, INDEX_STATE } from "./bundle-secrets.ts";
import { SecretDocument, type SecretStore, STATE_LABEL } from "./secret-document.ts";

/** Apps are spread over so many Secrets, made when they are needed: a thousand Apps are about sixteen to each. */
const shardCount = 64;
/** Marks of removed Apps in one Secret; the oldest go first. */
const removedMax = 64;
const RECORDS_STATE = "records";

const shardContent = z.object({ records: z.array(appRecord), removed: z.array(mark) });

interface Shard {
  readonly records: Map<AppUid, AppRecord>;
  readonly removed: Map<AppUid, Mark>;
  readonly document: SecretDocument<z.input<typeof shardContent>>;
}

const shardName = (uid: AppUid): string =>
  `muster-state-${(createHash("sha256").update(uid).digest().readUInt16BE() % shardCount).toString().padStart(2, "0")}`;

/** The agent's memory in Secrets of its own namespace (which is made if it is missing). */
export function createSecretState(store: SecretStore): AgentState {
  const bundles = new BundleSecrets(store);
  let shards = new Map<string, Shard>();
  let fence: number | null = null;

  const newShard = (name: string, heldFence: number): Shard => {
    const records = new Map<AppUid, AppRecord>();
    const removed = new Map<AppUid, Mark>();
    const document = new SecretDocument(store, {
      name,
      state: RECORDS_STATE,
      content: () => ({ records: [...records.values()], removed: [...removed.values()].slice(-removedMax) }),
    });
    document.expectAbsent(heldFence);
    const shard = { records, removed, document };
    shards.set(name, shard);
    return shard;
  };
  const shardOf = (uid: AppUid): Shard => {
    if (fence === null) throw new AppError("conflict", "the agent's state is written before it was loaded");
    return shards.get(shardName(uid)) ?? newShard(shardName(uid), fence);
  };

  return {
    async load(opts) {
      fence = opts.fence;
      shards = new Map();
      bundles.begin(opts.fence);
      const kind = await store.cluster.resolve("v1", "Secret");
      const found = await store.cluster.list(kind, { labelSelector: STATE_LABEL, namespace: store.namespace });
      await Promise.all(
        found.map(async (secret) => {
          if (secret.metadata.labels?.[STATE_LABEL] === INDEX_STATE) return bundles.claim(secret);
          if (secret.metadata.labels?.[STATE_LABEL] !== RECORDS_STATE) return;
          const shard = newShard(secret.metadata.name, opts.fence);
          const content = await shard.document.claim(secret, opts.fence);
          if (content === null) return;
          const { records, removed } = parseShard(content, secret.metadata.name);
          for (const record of records) shard.records.set(record.app.uid, record);
          for (const held of removed) shard.removed.set(held.appUid, held);
        }),
      );
      return {
        records: [...shards.values()].flatMap(({ records }) => [...records.values()]),
        removed: [...shards.values()].flatMap(({ removed }) => [...removed.values()]),
      };
    },
    async put(record) {
      const shard = shardOf(record.app.uid);
      shard.records.set(record.app.uid, record);
      shard.removed.delete(record.app.uid);
      await shard.document.write();
    },
    async remove(uid, held) {
      const shard = shardOf(uid);
      shard.records.delete(uid);
      shard.removed.delete(uid);
      shard.removed.set(uid, held);
      await shard.document.write();
    },
    putBundle: (digest, compressed) => bundles.put(digest, compressed),
    getBundle: (digest) => bundles.get(digest),
    keepBundles: (digests) => bundles.keep(digests),
  };
}

function parseShard(content: unknown, name: string): z.infer<typeof shardContent> {
  const parsed = shardContent.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError("corrupt", `Secret ${name}: ${issue?.path.join(".")}: ${issue?.message}`, {
    cause: parsed.error,
    fix: "Restore it from a backup. Deleting it makes the agent forget what it owns: it would never prune that.",
  });
}
