import { createHash } from "node:crypto";
import fs from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import { isIgnored } from "isomorphic-git";
import type { EntryMode, SourceTree, TreeEntry } from "../../ports/source-tree.ts";

/** Larger than anything that is rendered: such a file is hashed by what is known of it without reading. */
const HASHED_BYTES_MAX = 64 * 1024 * 1024;
/** Files that are open at once. */
const READS_MAX = 32;

interface Node {
  readonly path: string;
  readonly mode: EntryMode;
  readonly bytes: number;
}

export interface DirectoryTreeOptions {
  /** Whether submodules that are checked out are directories like others, as a Source may ask for. */
  readonly submodules?: boolean;
}

/**
 * A checkout as the tree of a commit that was not made yet: what Git would take if everything were added now. `.git` and
 * what `.gitignore` names are not there; links are entries. Looked at once, so that one render sees one state of it; a
 * file that changes meanwhile fails its read.
 */
export function openDirectoryTree(root: string, opts: DirectoryTreeOptions = {}): SourceTree {
  const listings = new Map<string, Promise<readonly Node[] | null>>();
  const oids = new Map<string, Promise<string>>();
  const pathsByOid = new Map<string, Node>();
  const inTurn = limitedTo(READS_MAX);
  const onDisk = (path: string): string => join(root, ...path.split("/"));

  /** Null: no directory. */
  function childrenOf(path: string): Promise<readonly Node[] | null> {
    const known = listings.get(path) ?? lookAt(path);
    listings.set(path, known);
    return known;
  }

  async function lookAt(path: string): Promise<readonly Node[] | null> {
    if (path !== "" && (await nodeAt(path))?.mode !== "directory") return null;
    const names = await readdir(onDisk(path)).catch((error: unknown) => {
      throw unreadable(onDisk(path), error);
    });
    const nodes = await Promise.all(
      names.filter((name) => name !== ".git").map((name) => inspect(path === "" ? name : `${path}/${name}`)),
    );
    return nodes.filter((node) => node !== null).sort(byPath);
  }

  async function inspect(path: string): Promise<Node | null> {
    const found = await inTurn(() => lstat(onDisk(path))).catch(() => null);
    if (found === null || (await isIgnored({ fs, dir: root, filepath: path }))) return null;
    if (found.isSymbolicLink()) return { path, mode: "symlink", bytes: found.size };
    if (found.isFile()) return { path, mode: found.mode & 0o100 ? "executable" : "file", bytes: found.size };
    if (!found.isDirectory()) return null;
    const isSubmodule = opts.submodules !== true && fs.existsSync(join(onDisk(path), ".git"));
    return { path, mode: isSubmodule ? "submodule" : "directory", bytes: 0 };
  }

  /** Found by its name in its directory: whatever the file system holds for equal, and never through a link. */
  async function nodeAt(path: string): Promise<Node | null> {
    if (path === "") return { path, mode: "directory", bytes: 0 };
    const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    return (await childrenOf(parent))?.find((node) => node.path === path) ?? null;
  }

  function oidOf(node: Node): Promise<string> {
    const known = oids.get(node.path) ?? hash(node);
    oids.set(node.path, known);
    return known;
  }

  async function hash(node: Node): Promise<string> {
    if (node.mode === "directory") {
      const children = (await childrenOf(node.path)) ?? [];
      const lines = await Promise.all(
        children.map(async (child) => `${child.mode} ${nameOf(child.path)} ${await oidOf(child)}\n`),
      );
      return sha256("tree ", lines.join(""));
    }
    if (node.mode === "submodule") return sha256("submodule ", node.path);
    if (node.bytes > HASHED_BYTES_MAX) return sha256("large ", `${node.path} ${node.bytes}`);
    const oid = sha256("blob ", await inTurn(() => contentOf(node)));
    pathsByOid.set(oid, node);
    return oid;
  }

  async function contentOf({ path, mode }: Node): Promise<Uint8Array> {
    try {
      return mode === "symlink" ? Buffer.from(await readlink(onDisk(path))) : await readFile(onDisk(path));
    } catch (error) {
      throw unreadable(onDisk(path), error);
    }
  }

  const told = async (node: Node): Promise<TreeEntry> => ({
    path: node.path,
    oid: await oidOf(node),
    mode: node.mode,
  });

  async function filesBelow(path: string, left: { files: number }, filesMax: number): Promise<Node[]> {
    const files: Node[] = [];
    for (const node of (await childrenOf(path)) ?? []) {
      if (node.mode === "directory") files.push(...(await filesBelow(node.path, left, filesMax)));
      else {
        left.files -= 1;
        if (left.files < 0) throw new AppError("too-large", `"${path}" holds more than ${filesMax} files`);
        files.push(node);
      }
    }
    return files;
  }

  return {
    async entry(path) {
      const node = await nodeAt(path);
      return node === null ? null : told(node);
    },
    async list(path) {
      return Promise.all(((await childrenOf(path)) ?? []).map(told));
    },
    async walk(path, { filesMax }) {
      const files = await filesBelow(path, { files: filesMax }, filesMax);
      const entries = await Promise.all(files.map(async (node) => ({ ...(await told(node)), bytes: node.bytes })));
      return entries.sort(byPath);
    },
    async read(wanted, { bytesMax }) {
      const nodes = wanted.map((oid) => {
        const node = pathsByOid.get(oid);
        if (node === undefined) throw new AppError("not-found", `there is no object ${oid} in ${root}`);
        return node;
      });
      const total = nodes.reduce((sum, { bytes }) => sum + bytes, 0);
      if (total > bytesMax) {
        throw new AppError("too-large", `the files have ${total} bytes; ${bytesMax} are the most`);
      }
      return Promise.all(
        nodes.map(async (node, index) => {
          const bytes = await inTurn(() => contentOf(node));
          if (sha256("blob ", bytes) === wanted[index]) return bytes;
          throw new AppError("unavailable", `${onDisk(node.path)} was changed while it was read`, { retryable: true });
        }),
      );
    },
  };
}

const sha256 = (...parts: (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

const byPath = (one: { path: string }, other: { path: string }): number =>
  one.path < other.path ? -1 : one.path > other.path ? 1 : 0;

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

const unreadable = (place: string, error: unknown): AppError =>
  new AppError("unavailable", `${place} cannot be read: ${messageOf(error)}`, { cause: error });

/** Runs so much at once; the rest waits in order. */
function limitedTo(size: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = size;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
