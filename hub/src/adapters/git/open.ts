import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { GitSource } from "../../ports/git-source.ts";
import { openIsomorphicGit } from "./isomorphic/open.ts";
import { openNativeGit } from "./native/open.ts";

/** `cat-file --batch-command`, which the native engine reads objects with, came with this version. */
const NATIVE_VERSION_MIN = [2, 36] as const;

/**
 * Git by the engine that was asked for; `auto` takes the native binary where there is a recent enough one, because it
 * is faster on large repositories and keeps their objects out of the hub's memory.
 */
export async function openGit(opts: {
  engine: "auto" | "native" | "isomorphic";
  directory: string;
}): Promise<{ git: GitSource; engine: "native" | "isomorphic" }> {
  const engine = opts.engine === "auto" ? ((await hasNativeGit()) ? "native" : "isomorphic") : opts.engine;
  return { engine, git: engine === "native" ? openNativeGit(opts) : openIsomorphicGit(opts) };
}

async function hasNativeGit(): Promise<boolean> {
  const output = await promisify(execFile)("git", ["--version"]).catch(() => null);
  const match = /git version (\d+)\.(\d+)/.exec(output?.stdout ?? "");
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > NATIVE_VERSION_MIN[0] || (major === NATIVE_VERSION_MIN[0] && minor >= NATIVE_VERSION_MIN[1]);
}
