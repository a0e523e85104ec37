import { AppError } from "@muster/shared/errors.ts";
import { failures } from "./failures.ts";
import type { Mirror } from "./mirror.ts";
import { parseTree, type RawEntry } from "./tree.ts";

/** Directory entries that are kept parsed; about 200 bytes each. */
const ENTRIES_MAX = 100_000;
const ROOTS_MAX = 1_000;

/** A directory: its entries by their names, in Git's order. */
export type RawTree = ReadonlyMap<string, RawEntry>;

/** The trees of a mirror, read and parsed once: most of a repository stays as it is from commit to commit. */
export interface TreeStore {
  /** The directory that a commit, or a tree's own id, is. @throws AppError "unavailable" when it was not fetched. */
  rootOf(id: string): Promise<string>;
  /** In the order asked for. @throws AppError "unavailable" for a tree that is not here. */
  trees(oids: readonly string[]): Promise<readonly RawTree[]>;
  readonly mirror: Mirror;
}

export function createTreeStore(mirror: Mirror): TreeStore {
  /** Oldest first. */
  const kept = new Map<string, RawTree>();
  /** Being read: a thousand Apps ask for their directories at once, and all for the same few above them. */
  const underWay = new Map<string, Promise<RawTree>>();
  const roots = new Map<string, Promise<string>>();
  let held = 0;

  function keep(oid: string, tree: RawTree): void {
    kept.set(oid, tree);
    held += tree.size + 1;
    for (const [oldest, old] of kept) {
      if (held <= ENTRIES_MAX) break;
      kept.delete(oldest);
      held -= old.size + 1;
    }
  }

  function read(oids: readonly string[]): void {
    const objects = mirror.objects(oids);
    for (const [index, oid] of oids.entries()) {
      const tree = objects.then((found) => parse(oid, found[index] ?? null));
      underWay.set(oid, tree);
      tree
        .then((parsed) => keep(oid, parsed))
        .catch(() => {})
        .finally(() => underWay.delete(oid));
    }
  }

  async function findRoot(id: string): Promise<string> {
    const [object] = await mirror.objects([id]);
    if (object?.type === "tree") return id;
    const root = object?.type === "commit" ? /^tree ([0-9a-f]{40,64})$/m.exec(latin1(object.bytes))?.[1] : undefined;
    if (root === undefined) throw failures.notFetched(id);
    return root;
  }

  return {
    mirror,
    rootOf(id) {
      const known = roots.get(id);
      if (known !== undefined) return known;
      if (roots.size >= ROOTS_MAX) roots.clear();
      const found = findRoot(id);
      roots.set(id, found);
      found.catch(() => roots.delete(id));
      return found;
    },
    async trees(oids) {
      const missing = new Set(oids.filter((oid) => !kept.has(oid) && !underWay.has(oid)));
      if (missing.size > 0) read([...missing]);
      return Promise.all(oids.map((oid) => kept.get(oid) ?? (underWay.get(oid) as Promise<RawTree>)));
    },
  };
}

function parse(oid: string, object: Awaited<ReturnType<Mirror["objects"]>>[number]): RawTree {
  if (object?.type !== "tree") throw new AppError("unavailable", `tree ${oid} is not in the mirror`);
  const { bytes } = object;
  const entries = parseTree(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), oid.length / 2);
  return new Map(entries.map((entry) => [entry.name, entry]));
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 128)).toString("latin1");
