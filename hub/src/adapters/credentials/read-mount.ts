import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@muster/shared/errors.ts";

/** What the hub looks for in a mounted credential. Other files are not opened. */
export const KNOWN_FILES = [
  "urls",
  "projects",
  "token",
  "username",
  "password",
  "sshPrivateKey",
  "ssh-privatekey",
  "identity",
  "known_hosts",
  "githubAppID",
  "githubAppInstallationID",
  "githubAppPrivateKey",
  "githubAppBaseURL",
  "ca.crt",
  "tls.crt",
  "tls.key",
  "proxy",
] as const;
export type KnownFile = (typeof KNOWN_FILES)[number];

export interface Mount {
  /** Text by file; a file's last line end is dropped. */
  readonly files: ReadonlyMap<KnownFile, string>;
  /** Names of files that mean nothing here: often a known one misspelt. */
  readonly unknown: readonly string[];
}

/** More than Kubernetes lets a Secret hold. */
const FILE_BYTES_MAX = 1024 * 1024;

/**
 * The files of one credential, through the links that Kubernetes makes of a Secret's keys (`token` → `..data/token`).
 * Null when there is no such directory. @throws AppError "invalid" for a file that cannot be text, "unavailable" for
 * one that cannot be read; what is in it is in neither.
 */
export async function readMount(directory: string, name: string): Promise<Mount | null> {
  const folder = join(directory, name);
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw unreadable(name, "its directory", error);
  });
  if (entries === null) return null;
  // `..data` and the directory it leads to are Kubernetes' own: they hold the same files.
  const visible = entries.filter((entry) => !entry.startsWith(".."));
  const files = new Map<KnownFile, string>();
  for (const file of KNOWN_FILES) {
    if (!visible.includes(file)) continue;
    const text = await readText(name, file, join(folder, file));
    if (text !== null) files.set(file, text);
  }
  return { files, unknown: visible.filter((entry) => !(KNOWN_FILES as readonly string[]).includes(entry)) };
}

async function readText(name: string, file: KnownFile, path: string): Promise<string | null> {
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) throw new AppError("invalid", `credential ${name}: the file "${file}" is over 1 MiB`);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
    return text.replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    // Between listing and reading, a rotation may have removed it.
    if (code === "ENOENT") return null;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") {
      throw new AppError("invalid", `credential ${name}: the file "${file}" is not UTF-8`);
    }
    throw unreadable(name, `the file ${file}`, error as NodeJS.ErrnoException);
  }
}

const unreadable = (name: string, what: string, error: NodeJS.ErrnoException): AppError =>
  new AppError("unavailable", `credential ${name}: ${what} cannot be read (${error.code ?? error.name})`, {
    fix: "Check the mounted Secret's file modes: the hub's user must be able to read it.",
  });
