import { createHash } from "node:crypto";
import type { EntryMode, TreeEntry } from "../../ports/source-tree.ts";

/** A file of an artifact: its contents are `bytes` bytes at `offset` of the artifact's one file of contents. */
export interface StoredFile {
  readonly mode: "file" | "executable" | "symlink";
  readonly oid: string;
  readonly offset: number;
  readonly bytes: number;
}

/** As it is kept in `tree.json`. */
export interface StoredTree {
  readonly version: 1;
  /** Ordered by path. */
  readonly files: readonly (readonly [
    path: string,
    mode: StoredFile["mode"],
    oid: string,
    offset: number,
    bytes: number,
  ])[];
  /** Ordered by path, the root first. */
  readonly directories: readonly (readonly [path: string, oid: string])[];
}

const GIT_MODES: Readonly<Record<Exclude<EntryMode, "submodule">, string>> = {
  file: "100644",
  executable: "100755",
  symlink: "120000",
  directory: "40000",
};

/** Object ids are Git's own for SHA-256 repositories: nothing a blob holds can be taken for a tree. */
export const startBlobHash = (bytes: number) => createHash("sha256").update(`blob ${bytes}\0`);

/** Names every directory of these files by what is in it. */
export function storedTree(files: ReadonlyMap<string, StoredFile>): StoredTree {
  const children = new Map<string, TreeEntry[]>([["", []]]);
  for (const path of files.keys()) {
    for (let at = parentOf(path); !children.has(at); at = parentOf(at)) children.set(at, []);
  }
  const add = (entry: TreeEntry): unknown => children.get(parentOf(entry.path))?.push(entry);
  for (const [path, { oid, mode }] of files) add({ path, oid, mode });
  const directories: [string, string][] = [];
  // The deepest first: a directory's id is made of those of what it holds.
  for (const path of [...children.keys()].sort((one, other) => depthOf(other) - depthOf(one))) {
    const oid = treeHash(children.get(path) ?? []);
    directories.push([path, oid]);
    if (path !== "") add({ path, oid, mode: "directory" });
  }
  return {
    version: 1,
    files: [...files].sort(byFirst).map(([path, file]) => [path, file.mode, file.oid, file.offset, file.bytes]),
    directories: directories.sort(byFirst),
  };
}

function treeHash(entries: readonly TreeEntry[]): string {
  const sorted = entries
    .map(({ path, oid, mode }) => {
      const name = Buffer.from(nameOf(path));
      // Git orders a directory as if its name ended in a slash.
      const key = mode === "directory" ? Buffer.concat([name, Buffer.from("/")]) : name;
      const line = [`${GIT_MODES[mode as Exclude<EntryMode, "submodule">]} `, name, "\0", Buffer.from(oid, "hex")];
      return { key, line: Buffer.concat(line.map((part) => Buffer.from(part as Buffer))) };
    })
    .sort((one, other) => Buffer.compare(one.key, other.key));
  const body = Buffer.concat(sorted.map(({ line }) => line));
  return createHash("sha256").update(`tree ${body.length}\0`).update(body).digest("hex");
}

const byFirst = (one: readonly [string, ...unknown[]], other: readonly [string, ...unknown[]]): number =>
  one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0;

/** `""` is the root, and its own parent. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

const depthOf = (path: string): number => (path === "" ? 0 : path.split("/").length);
