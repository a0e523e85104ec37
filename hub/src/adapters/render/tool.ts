import { execFile } from "node:child_process";
import { constants, linkSync, mkdirSync } from "node:fs";
import { access, chmod, copyFile, mkdir } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import { type Confinement, confinements, startArguments } from "./confinement.ts";

const run = promisify(execFile);
const PROBE_TIMEOUT_MS = 10_000;

/** A program that renders, copied to where every render can link it, with what confines it here. */
export interface Tool {
  readonly name: string;
  /** `4.3.1` */
  readonly version: string;
  /** The hub's own copy: an upgrade of the machine's changes nothing under a running hub. */
  readonly binary: string;
  readonly confinement: Confinement;
}

export interface ToolOptions {
  readonly name: string;
  /** Null: the first of its name on the path. */
  readonly path: string | null;
  readonly versionArguments: readonly string[];
  /** Where the copy goes. Sandboxes must be on the same file system. */
  readonly directory: string;
}

/**
 * Finds a tool, asks its version, and finds out what it can be confined by on this machine by running it so.
 * Null when it is not there. @throws AppError "invalid" when it was named and cannot be run.
 */
export async function openTool(options: ToolOptions): Promise<Tool | null> {
  const { name, directory, versionArguments } = options;
  const found = await findTool(name, options.path);
  if (found === null) return null;
  const folder = join(directory, name);
  const binary = join(folder, "bin", name);
  try {
    await mkdir(join(folder, "bin"), { recursive: true, mode: 0o755 });
    // A hard link would do, but the machine's own file may be replaced in place.
    await copyFile(found, binary, constants.COPYFILE_FICLONE);
    await chmod(binary, 0o755);
  } catch (cause) {
    throw unusable(options, found, cause);
  }
  let failure: unknown = null;
  for (const confinement of confinements()) {
    const [command, ...args] = startArguments(confinement, {
      root: folder,
      workingDirectory: "/",
      binary: confinement.hasOwnRoot ? `/bin/${name}` : binary,
      args: versionArguments,
      limits: null,
    });
    try {
      const { stdout } = await run(command as string, args, { env: {}, timeout: PROBE_TIMEOUT_MS, cwd: folder });
      const version = /\d+\.\d+\.\d+[^\s"]*/.exec(stdout)?.[0];
      if (version === undefined) throw new Error(`it does not tell its version: ${stdout.slice(0, 100)}`);
      return { name, version, binary, confinement };
    } catch (error) {
      failure = error;
    }
  }
  throw unusable(options, found, failure);
}

/** Makes the tool part of a sandbox's own root. */
export function linkTool(tool: Tool, root: string): void {
  mkdirSync(join(root, "bin"), { mode: 0o755 });
  linkSync(tool.binary, join(root, "bin", tool.name));
}

/** The path of what was named, there or not; else the first of its name on the path, and null if there is none. */
export const findTool = async (name: string, path: string | null): Promise<string | null> =>
  path === null ? onPath(name) : resolve(path);

async function onPath(name: string): Promise<string | null> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (folder === "") continue;
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // The next one, then.
    }
  }
  return null;
}

function unusable({ name, path }: ToolOptions, found: string, cause: unknown): AppError {
  const fix = `Give --${name} the path of a ${name} that runs here${path === null ? `, or take ${found} off the path` : ""}.`;
  return new AppError("invalid", `${found} cannot be used: ${messageOf(cause).slice(0, 500)}`, { cause, fix });
}
