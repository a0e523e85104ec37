import { AppError } from "@muster/shared/errors.ts";
import type { GitRemote } from "../../ports/git-source.ts";
import type { SourceTree, TreeEntry } from "../../ports/source-tree.ts";
import { type LfsPointer, POINTER_BYTES_MAX, parsePointer } from "./lfs-pointer.ts";
import { byPath, type RawEntry } from "./tree.ts";
import type { TreeStore } from "./tree-store.ts";

/** The repository of the whole tree, or of a submodule in it. */
export interface Repository {
  readonly remote: GitRemote;
  readonly store: TreeStore;
  /** A commit's id, or a directory's. */
  readonly root: string;
  /** Where it is in the whole tree: `""`, or `vendor/lib/`. */
  readonly prefix: string;
}

export interface GitTreeOptions {
  /** The repository of a submodule. Null: submodules are entries that nobody looks into. */
  readonly submodule: ((within: Repository, path: string, commit: string) => Promise<Repository>) | null;
  /** The contents behind pointers. Null: a pointer that is read is an error. */
  readonly lfs: ((within: Repository, pointers: readonly LfsPointer[]) => Promise<readonly Uint8Array[]>) | null;
}

/** A directory, and the repository that its entries are in. */
interface Place {
  readonly within: Repository;
  readonly oid: string;
}

/** Paths that are remembered for naming a file in an error. */
const PATHS_MAX = 50_000;
const DEPTH_MAX = 256;

/** The files below the repository's root. */
export function gitTree(whole: Repository, opts: GitTreeOptions): SourceTree {
  /** By prefix; the submodules are those that were looked into. */
  const repositories = new Map([["", Promise.resolve(whole)]]);
  const paths = new Map<string, string>();

  async function placeOf(path: string, entry: RawEntry, within: Repository): Promise<Place | null> {
    if (entry.mode === "directory") return { within, oid: entry.oid };
    if (entry.mode !== "submodule" || opts.submodule === null) return null;
    const opened = repositories.get(path) ?? opts.submodule(within, path, entry.oid);
    repositories.set(path, opened);
    opened.catch(() => repositories.delete(path));
    return topOf(await opened);
  }

  const topOf = async (repository: Repository): Promise<Place> => ({
    within: repository,
    oid: await repository.store.rootOf(repository.root),
  });

  /** A submodule that is looked into is a directory; its commit's id says as well what is in it. */
  function told(path: string, { oid, mode }: RawEntry): TreeEntry {
    if (paths.size < PATHS_MAX) paths.set(oid, path);
    return { path, oid, mode: mode === "submodule" && opts.submodule !== null ? "directory" : mode };
  }

  async function find(path: string): Promise<{ entry: TreeEntry; raw: RawEntry; within: Repository } | null> {
    let place = await topOf(whole);
    let at = "";
    const parts = path.split("/");
    if (parts.length > DEPTH_MAX) return null;
    for (const [index, name] of parts.entries()) {
      const [tree] = await place.within.store.trees([place.oid]);
      const raw = tree?.get(name);
      if (raw === undefined) return null;
      at = at === "" ? name : `${at}/${name}`;
      if (index === parts.length - 1) return { entry: told(at, raw), raw, within: place.within };
      const below = await placeOf(at, raw, place.within);
      if (below === null) return null;
      place = below;
    }
    return null;
  }

  async function directory(path: string): Promise<Place | null> {
    if (path === "") return topOf(whole);
    const found = await find(path);
    return found === null ? null : placeOf(path, found.raw, found.within);
  }

  return {
    async entry(path) {
      if (path === "") return { path: "", oid: (await topOf(whole)).oid, mode: "directory" };
      return (await find(path))?.entry ?? null;
    },

    async list(path) {
      const place = await directory(path);
      if (place === null) return [];
      const [tree] = await place.within.store.trees([place.oid]);
      return [...(tree?.values() ?? [])]
        .map((entry) => told(path === "" ? entry.name : `${path}/${entry.name}`, entry))
        .sort(byPath);
    },

    async walk(path, { filesMax }) {
      const top = await directory(path);
      const files: { entry: TreeEntry; within: Repository }[] = [];
      let level = top === null ? [] : [{ ...top, path }];
      for (let depth = 0; level.length > 0; depth += 1) {
        if (depth > DEPTH_MAX) throw new AppError("too-large", `directories lie more than ${DEPTH_MAX} deep`);
        const next: (Place & { path: string })[] = [];
        for (const [within, places] of Map.groupBy(level, (place) => place.within)) {
          const listed = await within.store.trees(places.map(({ oid }) => oid));
          for (const [index, tree] of listed.entries()) {
            const prefix = places[index]?.path ? `${places[index].path}/` : "";
            for (const raw of tree.values()) {
              const at = `${prefix}${raw.name}`;
              const below = await placeOf(at, raw, within);
              if (below !== null) next.push({ ...below, path: at });
              else if (files.push({ entry: told(at, raw), within }) > filesMax) throw tooMany(path, filesMax);
            }
          }
        }
        level = next;
      }
      return (await withSizes(files, opts.lfs !== null)).sort(byPath);
    },

    async read(oids, { bytesMax }) {
      const opened = (await Promise.allSettled(repositories.values())).flatMap((one) =>
        one.status === "fulfilled" ? [one.value] : [],
      );
      // A pointer may be larger than what it stands for; what counts is checked below.
      const pointerBytes = opts.lfs === null ? 0 : oids.length * POINTER_BYTES_MAX;
      const found = await readAll(opened, oids, bytesMax + pointerBytes);
      const pointers = found.map(({ bytes }) => parsePointer(bytes));
      const first = pointers.findIndex((pointer) => pointer !== null);
      const total = found.reduce((sum, { bytes }, index) => sum + (pointers[index]?.bytes ?? bytes.length), 0);
      if (total > bytesMax) throw tooLarge(total, bytesMax);
      if (first < 0) return found.map(({ bytes }) => bytes);
      if (opts.lfs === null) throw inLfs(paths.get(oids[first] ?? "") ?? oids[first] ?? "");
      const contents = found.map(({ bytes }) => bytes);
      const kept = [...pointers.entries()].flatMap(([index, pointer]) => (pointer ? [{ index, pointer }] : []));
      for (const [within, some] of Map.groupBy(kept, ({ index }) => found[index]?.within ?? whole)) {
        const files = await opts.lfs(
          within,
          some.map(({ pointer }) => pointer),
        );
        for (const [at, { index }] of some.entries()) contents[index] = files[at] as Uint8Array;
      }
      return contents;
    },
  };
}

async function withSizes(
  files: readonly { entry: TreeEntry; within: Repository }[],
  readsPointers: boolean,
): Promise<(TreeEntry & { bytes: number })[]> {
  const sized: (TreeEntry & { bytes: number })[] = [];
  for (const [{ mirror }, some] of Map.groupBy(files, ({ within }) => within.store)) {
    const blobs = some.filter(({ entry }) => entry.mode !== "submodule").map(({ entry }) => entry.oid);
    const sizes = new Map<string, number>();
    for (const [index, bytes] of (await mirror.sizes(blobs)).entries()) sizes.set(blobs[index] ?? "", bytes ?? 0);
    if (readsPointers) {
      const small = blobs.filter((oid) => (sizes.get(oid) ?? 0) <= POINTER_BYTES_MAX);
      for (const [index, object] of (await mirror.objects(small)).entries()) {
        const pointer = object === null ? null : parsePointer(object.bytes);
        if (pointer !== null) sizes.set(small[index] ?? "", pointer.bytes);
      }
    }
    sized.push(...some.map(({ entry }) => ({ ...entry, bytes: sizes.get(entry.oid) ?? 0 })));
  }
  return sized;
}

interface Found {
  readonly bytes: Uint8Array;
  readonly within: Repository;
}

/** A blob is looked for where the tree is, and then in the submodules that were looked into. */
async function readAll(
  repositories: readonly Repository[],
  oids: readonly string[],
  bytesMax: number,
): Promise<Found[]> {
  const contents = new Map<string, Found>();
  let missing = [...new Set(oids)];
  let total = 0;
  for (const within of repositories) {
    if (missing.length === 0) break;
    const { mirror } = within.store;
    const sizes = await mirror.sizes(missing);
    const here = missing.filter((_oid, index) => sizes[index] !== null);
    total += sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    if (total > bytesMax) throw tooLarge(total, bytesMax);
    for (const [index, object] of (await mirror.objects(here)).entries()) {
      if (object !== null) contents.set(here[index] ?? "", { bytes: object.bytes, within });
    }
    missing = missing.filter((oid) => !contents.has(oid));
  }
  const read = oids.map((oid) => {
    const found = contents.get(oid);
    if (found === undefined) throw new AppError("not-found", `there is no object ${oid} in the mirror`);
    return found;
  });
  const asked = read.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (asked > bytesMax) throw tooLarge(asked, bytesMax);
  return read;
}

const tooMany = (path: string, filesMax: number): AppError =>
  new AppError("too-large", `"${path}" holds more than ${filesMax} files`);

const tooLarge = (bytes: number, bytesMax: number): AppError =>
  new AppError("too-large", `the files have ${bytes} bytes; ${bytesMax} are the most`);

const inLfs = (path: string): AppError =>
  new AppError("unsupported", `${path} is kept in Git LFS, and here is only a pointer to it`, {
    fix: "Set spec.git.lfs: true in the Source, or take the file out of LFS.",
  });
