import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { AppError } from "@muster/shared/errors.ts";
import type { SourceTree, TreeEntry } from "../../ports/source-tree.ts";
import { parentOf, type StoredTree } from "./artifact-tree.ts";

/** An unpacked artifact, read where it lies. Its index is read at the first call. */
export class StoredArtifact implements SourceTree {
  readonly #directory: string;
  readonly #what: string;
  #loading: Promise<Index> | null = null;

  constructor(directory: string, what: string) {
    this.#directory = directory;
    this.#what = what;
  }

  async entry(path: string): Promise<TreeEntry | null> {
    return (await this.#index()).entries.get(path) ?? null;
  }

  async list(path: string): Promise<readonly TreeEntry[]> {
    return (await this.#index()).childrenOf(path);
  }

  async walk(
    path: string,
    { filesMax }: { filesMax: number },
  ): Promise<readonly (TreeEntry & { readonly bytes: number })[]> {
    const { files } = await this.#index();
    const found = below(files, path);
    if (found.length > filesMax) {
      const where = path === "" ? this.#what : `${path} of ${this.#what}`;
      throw new AppError("too-large", `${where} holds ${found.length} files, and at most ${filesMax} are read`);
    }
    return found;
  }

  async read(oids: readonly string[], { bytesMax }: { bytesMax: number }): Promise<readonly Uint8Array[]> {
    const { places } = await this.#index();
    const wanted = oids.map((oid) => {
      const place = places.get(oid);
      if (place === undefined) throw new AppError("unavailable", `${this.#what} has no object ${oid}`);
      return place;
    });
    const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > bytesMax) {
      throw new AppError(
        "too-large",
        `these files of ${this.#what} have ${total} bytes, and at most ${bytesMax} are read`,
      );
    }
    if (wanted.length === 0) return [];
    const contents = await open(join(this.#directory, "contents")).catch((cause) => Promise.reject(this.#gone(cause)));
    try {
      const all: Uint8Array[] = [];
      for (const { offset, bytes } of wanted) {
        const content = new Uint8Array(bytes);
        const { bytesRead } = await contents.read(content, 0, bytes, offset);
        if (bytesRead !== bytes) throw new AppError("corrupt", `the stored contents of ${this.#what} are damaged`);
        all.push(content);
      }
      return all;
    } finally {
      await contents.close();
    }
  }

  #index(): Promise<Index> {
    this.#loading ??= readFile(join(this.#directory, "tree.json"), "utf8").then(
      (text) => indexOf(JSON.parse(text) as StoredTree),
      (cause) => {
        // It may be fetched by the time somebody asks again.
        this.#loading = null;
        throw this.#gone(cause);
      },
    );
    return this.#loading;
  }

  #gone(cause: unknown): AppError {
    return new AppError("unavailable", `${this.#what} is not here: it was not fetched, or is removed`, { cause });
  }
}

interface Index {
  readonly entries: ReadonlyMap<string, TreeEntry>;
  /** Ordered by path. */
  childrenOf(path: string): readonly TreeEntry[];
  /** Ordered by path. */
  readonly files: readonly (TreeEntry & { readonly bytes: number })[];
  readonly places: ReadonlyMap<string, { readonly offset: number; readonly bytes: number }>;
}

/** So many entries at a time: whoever else needs this thread comes in between. */
const SLICE = 2_000;

async function indexOf(stored: StoredTree): Promise<Index> {
  const files: (TreeEntry & { readonly bytes: number })[] = [];
  const entries = new Map<string, TreeEntry>();
  const children = new Map<string, TreeEntry[]>();
  const sorted = new Set<string>();
  const places = new Map<string, { readonly offset: number; readonly bytes: number }>();
  const add = (entry: TreeEntry): void => {
    entries.set(entry.path, entry);
    if (entry.mode === "directory" && !children.has(entry.path)) children.set(entry.path, []);
    if (entry.path !== "") children.get(parentOf(entry.path))?.push(entry);
  };
  for (const [path, oid] of stored.directories) add({ path, oid, mode: "directory" });
  for (const [at, [path, mode, oid, offset, bytes]] of stored.files.entries()) {
    if (at % SLICE === SLICE - 1) await setImmediate();
    add({ path, oid, mode });
    files.push({ path, oid, mode, bytes });
    places.set(oid, { offset, bytes });
  }
  return {
    entries,
    files,
    places,
    childrenOf(path) {
      const found = children.get(path) ?? [];
      if (!sorted.has(path)) found.sort(byPath);
      sorted.add(path);
      return found;
    },
  };
}

const byPath = (one: TreeEntry, other: TreeEntry): number =>
  one.path < other.path ? -1 : one.path > other.path ? 1 : 0;

/** Of an ordered list, what is below a directory, found without looking at the rest. */
function below<Entry extends { readonly path: string }>(files: readonly Entry[], directory: string): readonly Entry[] {
  if (directory === "") return files;
  const prefix = `${directory}/`;
  let from = 0;
  for (let to = files.length; from < to; ) {
    const middle = (from + to) >> 1;
    if ((files[middle] as Entry).path < prefix) from = middle + 1;
    else to = middle;
  }
  let end = from;
  while (files[end]?.path.startsWith(prefix)) end += 1;
  return files.slice(from, end);
}
