import type { Problem } from "@muster/shared/model/problem.ts";
import { type Closure, type ClosureFile, RENDER_LIMITS, type TraceResult } from "../../ports/renderer.ts";
import type { SourceTree, TreeEntry } from "../../ports/source-tree.ts";

/** Where a path is named that is looked up, to be told when it is wrong. */
export interface Place {
  readonly path: string;
  readonly line?: number;
}

const PROBLEMS_MAX = 20;

/** Follows paths through trees and notes what was found, listed and looked for in vain. */
export class TracePaths {
  readonly problems: Problem[] = [];
  readonly #trees: ReadonlyMap<string, SourceTree>;
  readonly #files = new Map<string, ClosureFile>();
  readonly #directories = new Map<string, Closure["directories"][number]>();
  readonly #absent = new Map<string, Closure["absent"][number]>();

  constructor(trees: ReadonlyMap<string, SourceTree>) {
    this.#trees = trees;
  }

  tree(source: string): SourceTree {
    const tree = this.#trees.get(source);
    if (tree === undefined) throw new Error(`no tree of the source "${source}" was given`);
    return tree;
  }

  refuse(problem: Problem): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(problem);
  }

  /** Whatever stands at a path; a link or submodule there or on the way is refused, and null. Null and noted when absent. */
  async find(source: string, path: string, place: Place): Promise<TreeEntry | null> {
    const tree = this.tree(source);
    const entry = await tree.entry(path);
    if (entry !== null) return this.#isFollowed(entry, place) ? entry : null;
    this.#absent.set(`${source}\0${path}`, { source, path });
    for (let at = parentOf(path); at !== ""; at = parentOf(at)) {
      const above = await tree.entry(at);
      if (above === null) continue;
      this.#isFollowed(above, place);
      break;
    }
    return null;
  }

  addFile(source: string, { path, oid, mode }: TreeEntry): void {
    const isExecutable = mode === "executable";
    this.#files.set(`${source}\0${path}`, { source, path, oid, mode: isExecutable ? "executable" : "file" });
    if (this.#files.size === RENDER_LIMITS.filesMax + 1) {
      this.refuse({
        code: "FileTooLarge",
        message: `a render reads more than ${RENDER_LIMITS.filesMax} files from here.`,
        where: { path },
        fix: "Split it into several Apps, or take files that are not rendered out of the directory.",
      });
    }
  }

  addDirectory(source: string, { path, oid }: TreeEntry): void {
    this.#directories.set(`${source}\0${path}`, { source, path, oid });
  }

  result(): TraceResult {
    if (this.problems.length > 0) return { kind: "invalid", problems: this.problems };
    return {
      kind: "closure",
      closure: {
        files: [...this.#files.values()].sort(bySourceAndPath),
        directories: [...this.#directories.values()].sort(bySourceAndPath),
        absent: [...this.#absent.values()].sort(bySourceAndPath),
      },
    };
  }

  #isFollowed({ mode, path }: TreeEntry, place: Place): boolean {
    if (mode !== "symlink" && mode !== "submodule") return true;
    const isLink = mode === "symlink";
    this.refuse({
      code: isLink ? "SymlinkRefused" : "SubmoduleRefused",
      message: isLink
        ? `${path} is a symbolic link; links are not followed.`
        : `${path} is a submodule; its files are in another repository.`,
      where: { ...place },
      fix: isLink ? "Put the file itself there." : "Track that repository as a Source of its own.",
    });
    return false;
  }
}

/**
 * A path as it is written in a file of `directory`, from the root of the tree. Null when it leads out of the tree, or is
 * absolute.
 */
export function resolvePath(directory: string, written: string): string | null {
  if (written.startsWith("/") || written.includes("\0") || written.includes("\\")) return null;
  const parts = directory === "" ? [] : directory.split("/");
  for (const part of written.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join("/");
}

export const pathOutside = (written: string, place: Place): Problem => ({
  code: "PathOutside",
  message: `${quote(written)} leads out of the repository.`,
  where: { ...place },
  fix: "Name a file of this repository by a path relative to this file.",
});

export const pathMissing = (written: string, path: string, place: Place): Problem => ({
  code: "PathNotFound",
  message: `${quote(written)} is not there: the commit has no ${path === "" ? "such directory" : quote(path)}.`,
  where: { ...place },
  fix: "Correct the path, or add what it names.",
});

/** What somebody wrote, fit for a message. */
export const quote = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);

export const parentOf = (path: string): string => (path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "");

export const joinPath = (...parts: string[]): string => parts.filter((part) => part !== "").join("/");

const bySourceAndPath = (one: { source: string; path: string }, other: { source: string; path: string }): number =>
  compare(one.source, other.source) || compare(one.path, other.path);

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
