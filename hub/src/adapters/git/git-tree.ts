import { AppError } from "@muster/shared/errors.ts";
import type { SourceTree, TreeEntry } from "../../ports/source-tree.ts";
import { type LfsPointer, POINTER_BYTES_MAX, parsePointer } from "./lfs-pointer.ts";
import { byPath, type RawEntry } from "./tree.ts";
import type { TreeStore } from "./tree-store.ts";

export interface GitTreeOptions {
  /** The tree that stands in a submodule's place. Null: submodules are entries that nobody looks into. */
  readonly submodule: ((path: string, commit: string) => Promise<{ store: TreeStore; commit: string }>) | null;
  /** The contents behind pointers. Null: a pointer that is read is an error. */
  readonly lfs: ((pointers: readonly LfsPointer[]) => Promise<readonly Uint8Array[]>) | null;
}

/** Where a directory's entries are: its own repository's store, or a submodule's. */
interface Place {
  readonly store: TreeStore;
  readonly oid: string;
}

/** Paths that are remembered for naming a file in an error. */
const PATHS_MAX = 50_000;
const DEPTH_MAX = 256;

/** The files below `root`: a commit's id, or a directory's. */
export function gitTree(store: TreeStore, root: string, opts: GitTreeOptions): SourceTree {
  const stores = new Set([store]);
  const paths = new Map<string, string>();

  async function placeOf(path: string, entry: RawEntry, within: TreeStore): Promise<Place | null> {
    if (entry.mode === "directory") return { store: within, oid: entry.oid };
    if (entry.mode !== "submodule" || opts.submodule === null) return null;
    const sub = await opts.submodule(path, entry.oid);
    stores.add(sub.store);
    return { store: sub.store, oid: await sub.store.rootOf(sub.commit) };
  }

  /** A submodule that is looked into is a directory; its commit's id says as well what is in it. */
  function told(path: string, { oid, mode }: RawEntry): TreeEntry {
    if (paths.size < PATHS_MAX) paths.set(oid, path);
    return { path, oid, mode: mode === "submodule" && opts.submodule !== null ? "directory" : mode };
  }

  async function find(path: string): Promise<{ entry: TreeEntry; raw: RawEntry; within: TreeStore } | null> {
    let place: Place = { store, oid: await store.rootOf(root) };
    let at = "";
    const parts = path.split("/");
    if (parts.length > DEPTH_MAX) return null;
    for (const [index, name] of parts.entries()) {
      const [entries = []] = await place.store.trees([place.oid]);
      const raw = entries.find((candidate) => candidate.name === name);
      if (raw === undefined) return null;
      at = at === "" ? name : `${at}/${name}`;
      if (index === parts.length - 1) return { entry: told(at, raw), raw, within: place.store };
      const below = await placeOf(at, raw, place.store);
      if (below === null) return null;
      place = below;
    }
    return null;
  }

  async function directory(path: string): Promise<Place | null> {
    if (path === "") return { store, oid: await store.rootOf(root) };
    const found = await find(path);
    return found === null ? null : placeOf(path, found.raw, found.within);
  }

  return {
    async entry(path) {
      if (path === "") return { path: "", oid: await store.rootOf(root), mode: "directory" };
      return (await find(path))?.entry ?? null;
    },

    async list(path) {
      const place = await directory(path);
      if (place === null) return [];
      const [entries = []] = await place.store.trees([place.oid]);
      return entries.map((entry) => told(path === "" ? entry.name : `${path}/${entry.name}`, entry)).sort(byPath);
    },

    async walk(path, { filesMax }) {
      const top = await directory(path);
      const files: { entry: TreeEntry; within: TreeStore }[] = [];
      let level = top === null ? [] : [{ ...top, path }];
      for (let depth = 0; level.length > 0; depth += 1) {
        if (depth > DEPTH_MAX) throw new AppError("too-large", `directories lie more than ${DEPTH_MAX} deep`);
        const next: (Place & { path: string })[] = [];
        for (const [within, places] of Map.groupBy(level, (place) => place.store)) {
          const listed = await within.trees(places.map(({ oid }) => oid));
          for (const [index, entries] of listed.entries()) {
            const prefix = places[index]?.path ? `${places[index].path}/` : "";
            for (const raw of entries) {
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
      const found = await readAll([...stores], oids, bytesMax);
      const pointers = found.map((bytes) => parsePointer(bytes));
      const first = pointers.findIndex((pointer) => pointer !== null);
      if (first < 0) return found;
      if (opts.lfs === null) throw inLfs(paths.get(oids[first] ?? "") ?? oids[first] ?? "");
      const total = found.reduce((sum, bytes, index) => sum + (pointers[index]?.bytes ?? bytes.length), 0);
      if (total > bytesMax) throw tooLarge(total, bytesMax);
      const contents = await opts.lfs(pointers.filter((pointer) => pointer !== null));
      let next = 0;
      return found.map((bytes, index) => (pointers[index] === null ? bytes : (contents[next++] ?? bytes)));
    },
  };
}

async function withSizes(
  files: readonly { entry: TreeEntry; within: TreeStore }[],
  readsPointers: boolean,
): Promise<(TreeEntry & { bytes: number })[]> {
  const sized: (TreeEntry & { bytes: number })[] = [];
  for (const [{ mirror }, some] of Map.groupBy(files, ({ within }) => within)) {
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

/** A blob is looked for where the tree is, and then in the submodules that were looked into. */
async function readAll(stores: readonly TreeStore[], oids: readonly string[], bytesMax: number): Promise<Uint8Array[]> {
  const contents = new Map<string, Uint8Array>();
  let missing = [...new Set(oids)];
  let total = 0;
  for (const { mirror } of stores) {
    if (missing.length === 0) break;
    const sizes = await mirror.sizes(missing);
    const here = missing.filter((_oid, index) => sizes[index] !== null);
    total += sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    if (total > bytesMax) throw tooLarge(total, bytesMax);
    for (const [index, object] of (await mirror.objects(here)).entries()) {
      if (object !== null) contents.set(here[index] ?? "", object.bytes);
    }
    missing = missing.filter((oid) => !contents.has(oid));
  }
  const read = oids.map((oid) => {
    const bytes = contents.get(oid);
    if (bytes === undefined) throw new AppError("not-found", `there is no object ${oid} in the mirror`);
    return bytes;
  });
  const asked = read.reduce((sum, bytes) => sum + bytes.length, 0);
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
