import { AppError } from "@muster/shared/errors.ts";
import { failures } from "./failures.ts";
import type { Mirror } from "./mirror.ts";
import { parseTree, type RawEntry } from "./tree.ts";

/** Directory entries that are kept parsed; about 150 bytes each. */
const ENTRIES_MAX = 100_000;

/** The trees of a mirror, parsed once: most of a repository stays as it is from commit to commit. */
export interface TreeStore {
  /** The directory that a commit, or a tree's own id, is. @throws AppError "unavailable" when it was not fetched. */
  rootOf(id: string): Promise<string>;
  /** In the order asked for. @throws AppError "unavailable" for a tree that is not here. */
  trees(oids: readonly string[]): Promise<readonly (readonly RawEntry[])[]>;
  readonly mirror: Mirror;
}

export function createTreeStore(mirror: Mirror): TreeStore {
  const parsed = new Map<string, readonly RawEntry[]>();
  const roots = new Map<string, string>();
  let held = 0;

  function keep(oid: string, entries: readonly RawEntry[]): void {
    parsed.set(oid, entries);
    held += entries.length + 1;
    for (const [oldest, old] of parsed) {
      if (held <= ENTRIES_MAX) break;
      parsed.delete(oldest);
      held -= old.length + 1;
    }
  }

  return {
    mirror,
    async rootOf(id) {
      const known = roots.get(id);
      if (known !== undefined) return known;
      const [object] = await mirror.objects([id]);
      if (object?.type === "tree") return id;
      const root = object?.type === "commit" ? /^tree ([0-9a-f]{40,64})$/m.exec(latin1(object.bytes))?.[1] : undefined;
      if (root === undefined) throw failures.notFetched(id);
      if (roots.size >= 1_000) roots.clear();
      roots.set(id, root);
      return root;
    },
    async trees(oids) {
      const missing = [...new Set(oids.filter((oid) => !parsed.has(oid)))];
      const fresh = new Map<string, readonly RawEntry[]>();
      for (const [index, object] of (await mirror.objects(missing)).entries()) {
        const oid = missing[index] as string;
        if (object?.type !== "tree") throw new AppError("unavailable", `tree ${oid} is not in the mirror`);
        fresh.set(oid, parseTree(Buffer.from(object.bytes.buffer, object.bytes.byteOffset, object.bytes.length), 20));
      }
      const result = oids.map((oid) => (fresh.get(oid) ?? parsed.get(oid)) as readonly RawEntry[]);
      for (const [oid, entries] of fresh) if (!parsed.has(oid)) keep(oid, entries);
      return result;
    },
  };
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 128)).toString("latin1");
