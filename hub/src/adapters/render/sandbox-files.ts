import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "@muster/shared/errors.ts";
import type { RenderJob } from "../../ports/renderer.ts";

export interface SandboxFile {
  /** From the root of the sandbox, `/`-separated. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable?: boolean;
}

const FILES_AT_ONCE = 32;
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
  const folders = new Set(files.map(({ path }) => dirname(path)));
  // The shortest first, so that each is made by the call for it and not raced for.
  for (const folder of [...folders].sort((one, other) => one.length - other.length)) {
    await mkdir(join(root, folder), { recursive: true, mode: 0o755 });
  }
  for (let from = 0; from < files.length; from += FILES_AT_ONCE) {
    await Promise.all(
      files.slice(from, from + FILES_AT_ONCE).map(({ path, bytes, isExecutable }) =>
        // "wx": a second file at the same place would be somebody's trick.
        writeFile(join(root, path), bytes, { mode: isExecutable ? 0o755 : 0o644, flag: "wx" }),
      ),
    );
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
