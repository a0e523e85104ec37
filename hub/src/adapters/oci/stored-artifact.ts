import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
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
    return (await this.#index()).children.get(path) ?? [];
  }

  async walk(
    path: string,
    { filesMax }: { filesMax: number },
  ): Promise<readonly (TreeEntry & { readonly bytes: number })[]> {
    const { files } = await this.#index();
    const prefix = path === "" ? "" : `${path}/`;
    const found = files.filter((file) => file.path.startsWith(prefix));
    if (found.length > filesMax) {
      const where = path === "" ? this.#what : `${path} of ${this.#what}`;
      throw new AppError("too-large", `${where} holds ${found.length} files, and at most ${filesMax} are read`);
    }
    return found.map(({ path: at, oid, mode, bytes }) => ({ path: at, oid, mode, bytes }));
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
      (text) => indexOf(JSON.parse(text)),
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
  readonly children: ReadonlyMap<string, readonly TreeEntry[]>;
  /** Ordered by path. */
  readonly files: readonly (TreeEntry & { readonly bytes: number })[];
  readonly places: ReadonlyMap<string, { readonly offset: number; readonly bytes: number }>;
}

function indexOf(stored: StoredTree): Index {
  const files = stored.files.map(([path, mode, oid, , bytes]) => ({ path, oid, mode, bytes }));
  const all: TreeEntry[] = [
    ...files.map(({ path, oid, mode }) => ({ path, oid, mode })),
    ...stored.directories.map(([path, oid]) => ({ path, oid, mode: "directory" as const })),
  ].sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
  const children = new Map<string, TreeEntry[]>();
  for (const entry of all) {
    if (entry.path === "") continue;
    const parent = parentOf(entry.path);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [entry]);
    else siblings.push(entry);
  }
  return {
    entries: new Map(all.map((entry) => [entry.path, entry])),
    children,
    files,
    places: new Map(stored.files.map(([, , oid, offset, bytes]) => [oid, { offset, bytes }])),
  };
}
