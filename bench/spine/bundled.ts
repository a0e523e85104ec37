import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Paths from the root of the repository. */
export const BUNDLED = { hub: "dist/hub/main.js", agent: "dist/agent/main.js" } as const;

/** What is measured is what is shipped. */
export async function bundlePrograms(): Promise<void> {
  const root = join(import.meta.dirname, "..", "..");
  await promisify(execFile)(process.execPath, [join(root, "scripts", "bundle.ts")], { cwd: root });
}
