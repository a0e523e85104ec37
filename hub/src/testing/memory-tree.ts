import { createHash } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import type { EntryMode, SourceTree, TreeEntry } from "../ports/source-tree.ts";

/** A file is its text or bytes; anything else in a tree says what it is. */
export type MemoryFile =
  | string
  | Uint8Array
  | { readonly executable: string }
  | { readonly symlink: string }
  | { readonly submodule: string };

type Node = TreeEntry & { readonly bytes: Uint8Array };

const sha1 = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

const byPath = (one: { path: string }, other: { path: string }): number =>
  one.path < other.path ? -1 : one.path > other.path ? 1 : 0;

/** A tree in memory. Equal content has equal object ids, of directories too, across all trees. */
export class MemoryTree implements SourceTree {
  readonly #nodes = new Map<string, Node>();
  readonly #children = new Map<string, Node[]>();
  readonly #blobs = new Map<string, Uint8Array>();
  /** Object ids that were read, in order: tests see what is asked for. */
  readonly reads: string[] = [];

  constructor(files: Readonly<Record<string, MemoryFile>> = {}) {
    const directories = new Set([""]);
    for (const [path, file] of Object.entries(files)) {
      const node = nodeOf(path, file);
      this.#nodes.set(path, node);
      this.#blobs.set(node.oid, node.bytes);
      for (let at = parentOf(path); at !== null; at = parentOf(at)) directories.add(at);
    }
    // The deepest first: a directory's id is made of those of its children.
    const ordered = [...directories].sort((one, other) => depthOf(other) - depthOf(one));
    for (const directory of ordered) this.#addDirectory(directory);
  }

  async entry(path: string): Promise<TreeEntry | null> {
    const node = this.#nodes.get(path);
    return node === undefined ? null : entryOf(node);
  }

  async list(path: string): Promise<readonly TreeEntry[]> {
    return (this.#children.get(path) ?? []).map(entryOf);
  }

  async walk(path: string, { filesMax }: { filesMax: number }): Promise<readonly (TreeEntry & { bytes: number })[]> {
    const prefix = path === "" ? "" : `${path}/`;
    const files = [...this.#nodes.values()]
      .filter((node) => node.mode !== "directory" && node.path.startsWith(prefix))
      .map((node) => ({ ...entryOf(node), bytes: node.bytes.length }))
      .sort(byPath);
    if (files.length > filesMax) {
      throw new AppError("too-large", `"${path}" holds ${files.length} files; at most ${filesMax} are read`);
    }
    return files;
  }

  async read(oids: readonly string[], { bytesMax }: { bytesMax: number }): Promise<readonly Uint8Array[]> {
    this.reads.push(...oids);
    const contents = oids.map((oid) => {
      const bytes = this.#blobs.get(oid);
      if (bytes === undefined) throw new AppError("not-found", `there is no object ${oid}`);
      return bytes;
    });
    const total = contents.reduce((sum, { length }) => sum + length, 0);
    if (total > bytesMax)
      throw new AppError("too-large", `these files have ${total} bytes; at most ${bytesMax} are read`);
    return contents;
  }

  #addDirectory(path: string): void {
    const children = [...this.#nodes.values()].filter((node) => parentOf(node.path) === path).sort(byPath);
    const oid = sha1("tree ", ...children.map((node) => `${node.mode} ${nameOf(node.path)} ${node.oid}\n`));
    this.#children.set(path, children);
    this.#nodes.set(path, { path, oid, mode: "directory", bytes: new Uint8Array() });
  }
}

function nodeOf(path: string, file: MemoryFile): Node {
  const [mode, content] = contentOf(file);
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { path, oid: sha1("blob ", bytes), mode, bytes };
}

function contentOf(file: MemoryFile): [EntryMode, string | Uint8Array] {
  if (typeof file === "string" || file instanceof Uint8Array) return ["file", file];
  if ("executable" in file) return ["executable", file.executable];
  if ("symlink" in file) return ["symlink", file.symlink];
  return ["submodule", file.submodule];
}

const entryOf = ({ path, oid, mode }: Node): TreeEntry => ({ path, oid, mode });

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

const depthOf = (path: string): number => (path === "" ? 0 : path.split("/").length);

function parentOf(path: string): string | null {
  if (path === "") return null;
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}
