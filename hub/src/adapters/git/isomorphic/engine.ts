import fs from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import git from "isomorphic-git";
import type { RemoteRef } from "../list-refs.ts";
import type { GitObject } from "../mirror.ts";
import type { CallName, Calls } from "./protocol.ts";

export type Engine = { readonly [Name in CallName]: (args: Calls[Name]["args"]) => Promise<Calls[Name]["result"]> };

/** Packs after which a repository's parsed packs and indexes are forgotten, so that memory stays bounded. */
const CACHE_PACKS_MAX = 200;
/** Bytes of a pack without any object: header and checksum. */
const EMPTY_PACK_BYTES = 32;
const SLOTS = "refs/muster";

/** Git in JavaScript over bare repositories: nothing to install. Runs in a worker, and reaches no network. */
export function createEngine(): Engine {
  const caches = new Map<string, { cache: object; packs: number }>();

  function cacheOf(gitdir: string): object {
    let entry = caches.get(gitdir);
    if (entry === undefined || entry.packs > CACHE_PACKS_MAX) {
      entry = { cache: {}, packs: 0 };
      caches.set(gitdir, entry);
    }
    return entry.cache;
  }

  async function read(gitdir: string, oid: string): Promise<GitObject | null> {
    try {
      const { type, object } = await git.readObject({ fs, gitdir, oid, format: "content", cache: cacheOf(gitdir) });
      return { type: type as GitObject["type"], bytes: object as Uint8Array };
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  return {
    async slots({ gitdir }) {
      await git.init({ fs, gitdir, bare: true });
      const slots = new Map<string, string>();
      for (const slot of await readdir(join(gitdir, SLOTS)).catch(() => [])) {
        const oid = await git.resolveRef({ fs, gitdir, ref: `${SLOTS}/${slot}` }).catch(() => null);
        if (oid !== null) slots.set(slot, oid);
      }
      return slots;
    },

    async index({ gitdir, pack, pulls }) {
      const path = join(gitdir, "objects", "pack", pack);
      if ((await stat(path)).size > EMPTY_PACK_BYTES) {
        const filepath = join("objects", "pack", pack);
        await git.indexPack({ fs, dir: gitdir, gitdir, filepath, cache: cacheOf(gitdir) });
        const entry = caches.get(gitdir);
        if (entry !== undefined) entry.packs += 1;
      } else {
        await rm(path);
      }
      for (const { oid, slot } of pulls) {
        await git.writeRef({ fs, gitdir, ref: `${SLOTS}/${slot}`, value: oid, force: true });
      }
      return null;
    },

    async objects({ gitdir, oids }) {
      const objects: (GitObject | null)[] = [];
      for (const oid of oids) objects.push(await read(gitdir, oid));
      return objects;
    },

    async sizes({ gitdir, oids }) {
      const sizes: (number | null)[] = [];
      for (const oid of oids) sizes.push((await read(gitdir, oid))?.bytes.length ?? null);
      return sizes;
    },

    async commitsBeginning({ gitdir, prefix, max }) {
      const found = await git.expandOid({ fs, gitdir, oid: prefix, cache: cacheOf(gitdir) }).then(
        (oid) => [oid],
        (error) => (error as { data?: { matches?: string[] } }).data?.matches ?? [],
      );
      const commits: string[] = [];
      for (const oid of new Set(found)) if ((await read(gitdir, oid))?.type === "commit") commits.push(oid);
      return commits.slice(0, max);
    },

    async isAncestor({ gitdir, ancestor, descendant }) {
      if (ancestor === descendant) return (await read(gitdir, ancestor)) !== null;
      const cache = cacheOf(gitdir);
      return git.isDescendent({ fs, gitdir, oid: descendant, ancestor, depth: -1, cache }).catch(() => false);
    },

    async localRefs({ gitdir }) {
      caches.delete(gitdir);
      const refs = new Map<string, RemoteRef>();
      for (const kind of ["heads", "tags"]) {
        for (const name of await git.listRefs({ fs, gitdir, filepath: `refs/${kind}` })) {
          const ref = `refs/${kind}/${name}`;
          const oid = await git.resolveRef({ fs, gitdir, ref }).catch(() => null);
          if (oid !== null) refs.set(ref, { oid, peeled: kind === "tags" ? await peel(gitdir, oid) : null });
        }
      }
      return refs;
    },
  };

  async function peel(gitdir: string, oid: string): Promise<string | null> {
    let peeled: string | null = null;
    for (let at = await read(gitdir, oid); at?.type === "tag"; at = await read(gitdir, peeled ?? "")) {
      peeled = /^object ([0-9a-f]{40})$/m.exec(Buffer.from(at.bytes).toString("latin1"))?.[1] ?? null;
      if (peeled === null) return null;
    }
    return peeled;
  }
}

const isNotFound = (error: unknown): boolean => (error as { code?: string }).code === "NotFoundError";
