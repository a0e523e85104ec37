import { fileURLToPath } from "node:url";

/** The checkout's top folder. Every script works from here, wherever it was called from. */
export const repositoryRoot: string = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");

/** The environment of a tool from node_modules: npm puts its commands on PATH, a bare `node scripts/x.ts` does not. */
export function toolEnvironment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const separator = process.platform === "win32" ? ";" : ":";
  return { ...process.env, PATH: `${repositoryRoot}/node_modules/.bin${separator}${process.env.PATH ?? ""}`, ...extra };
}
