import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Tool } from "../versions.ts";

const modulesFolder = join(import.meta.dirname, "..", "modules");

/** Where the committed Go module of a tool stands. */
export const moduleFolder = (tool: Tool): string => join(modulesFolder, tool.name);

/** The user's cache, never the checkout: a fresh clone or another branch finds what was built before. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "muster", "control-plane");
}

/**
 * The folder of one built tool. Its name carries the version for people and a digest of everything that decides the
 * bytes (pins, flags, platform), so that a changed dependency is another folder and never an old binary.
 */
export function toolFolder(tool: Tool, root: string = cacheRoot()): string {
  const digest = createHash("sha256")
    .update(readFileSync(join(moduleFolder(tool), "go.mod")))
    .update(readFileSync(join(moduleFolder(tool), "go.sum")))
    .update(JSON.stringify({ ...tool, buildSeconds: 0, platform: process.platform, arch: process.arch }))
    .digest("hex");
  return join(root, `${tool.name}-${tool.version}-${digest.slice(0, 12)}`);
}

/** The folder appears by one rename when the build is complete, so that its existence is the answer. */
export const isBuilt = (tool: Tool, root?: string): boolean => existsSync(toolFolder(tool, root));

export const binaryPath = (tool: Tool, binary: string, root?: string): string =>
  join(toolFolder(tool, root), "bin", binary);
