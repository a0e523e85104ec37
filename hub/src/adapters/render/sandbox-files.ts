import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate as breathe } from "node:timers/promises";
import { AppError } from "@muster/shared/errors.ts";
import type { RenderJob } from "../../ports/renderer.ts";

export interface SandboxFile {
  /** From the root of the sandbox, `/`-separated. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable?: boolean;
}

/** Written without a pause. */
const FILES_AT_ONCE = 128;
const PATH_BYTES_MAX = 3_000;

/** The folder of a Source's files in a sandbox. */
export const treeFolder = (source: string): string => (source === "" ? "trees/own" : `trees/other/${source}`);

export const filesOf = (job: RenderJob): SandboxFile[] =>
  job.files.map(({ source, path, bytes, mode }) => ({
    path: `${treeFolder(source)}/${path}`,
    bytes,
    isExecutable: mode === "executable",
  }));

/**
 * Writes exactly these files, and no links, below `root`.
 * @throws AppError "invalid" for a path that could lead elsewhere: a renderer that stands alone believes nobody.
 */
export async function writeFiles(root: string, files: readonly SandboxFile[]): Promise<void> {
  for (const { path } of files) assertInside(path);
  const made = new Set<string>();
  for (const [index, { path, bytes, isExecutable }] of files.entries()) {
    if (index > 0 && index % FILES_AT_ONCE === 0) await breathe();
    const folder = dirname(path);
    if (!made.has(folder)) mkdirSync(join(root, folder), { recursive: true, mode: 0o755 });
    made.add(folder);
    // "wx": a second file at the same place would be somebody's trick.
    writeFileSync(join(root, path), bytes, { mode: isExecutable ? 0o755 : 0o644, flag: "wx" });
  }
}

function assertInside(path: string): void {
  const isInside =
    path !== "" &&
    !path.includes("\0") &&
    Buffer.byteLength(path) <= PATH_BYTES_MAX &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!isInside) throw new AppError("invalid", `${JSON.stringify(path.slice(0, 200))} is no path of a file to render`);
}
