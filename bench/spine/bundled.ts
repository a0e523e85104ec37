import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Paths from the root of the repository. */
export const BUNDLED = { hub: "dist/hub/main.js", agent: "dist/agent/main.js" } as const;

/**
 * What an image sets: glibc otherwise gives every thread an arena of its own and keeps there what was freed, some 20 MB
 * in a process with as many threads as these.
 */
export const IMAGE_ENVIRONMENT = { MALLOC_ARENA_MAX: "1" } as const;

/** What is measured is what is shipped. */
export async function bundlePrograms(): Promise<void> {
  const root = join(import.meta.dirname, "..", "..");
  await promisify(execFile)(process.execPath, [join(root, "scripts", "bundle.ts")], { cwd: root });
}
