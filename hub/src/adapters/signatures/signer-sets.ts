import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import { name as nameSchema } from "@muster/shared/model/ids.ts";
import { type AllowedSigner, parseAllowedSigners } from "./allowed-signers.ts";

/** The people whose signatures a Source trusts. */
export interface SignerSet {
  readonly name: string;
  readonly ssh: readonly AllowedSigner[];
  /** Files of OpenPGP public keys, armored or binary; read by the worker. */
  readonly gpg: readonly KeyFile[];
}

export interface KeyFile {
  /** `platform/ada.asc`, for messages. */
  readonly where: string;
  readonly bytes: Uint8Array;
}

const FILES_MAX = 512;
const FILE_BYTES_MAX = 1024 * 1024;
const ALLOWED_SIGNERS = "allowed_signers";

/**
 * Signer sets as Kubernetes mounts Secrets and ConfigMaps: `<directory>/<set>/allowed_signers` and
 * `<directory>/<set>/*.asc|gpg|pgp`. Looked at on each use, and read again when a file's time or size is another.
 */
export function mountedSigners(directory: string | null): (name: string) => Promise<SignerSet> {
  const known = new Map<string, { stamp: string; set: SignerSet }>();

  return async (name) => {
    // A name that is no label could lead out of the directory.
    if (directory === null || !nameSchema.safeParse(name).success) throw unknownSet(name, directory);
    const folder = join(directory, name);
    const files = await listFiles(folder);
    if (files === null) {
      known.delete(name);
      throw unknownSet(name, directory);
    }
    const stamp = files.map((file) => [file.name, file.bytes, file.changed, file.inode].join(" ")).join("\n");
    const last = known.get(name);
    if (last?.stamp === stamp) return last.set;
    const set = await readSet(name, folder, files);
    known.set(name, { stamp, set });
    return set;
  };
}

const unknownSet = (name: string, directory: string | null): AppError =>
  new AppError("not-found", `there is no signer set ${JSON.stringify(name)} in the hub.`, {
    fix:
      directory === null
        ? "Start the hub with --signers-dir, and mount public keys there."
        : `Mount public keys as ${name}/allowed_signers or ${name}/*.asc in the hub's signers-dir, or correct the name.`,
  });

interface Found {
  readonly name: string;
  readonly bytes: number;
  readonly changed: number;
  readonly inode: number;
}

/** Null when there is no such folder. What a mount keeps for itself begins with a dot. */
async function listFiles(folder: string): Promise<readonly Found[] | null> {
  try {
    const names = (await readdir(folder)).filter((name) => !name.startsWith(".") && isKeyFile(name)).sort();
    return await Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs, ino } = await stat(join(folder, name));
        return { name, bytes: size, changed: mtimeMs, inode: ino };
      }),
    );
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")) return null;
    throw new AppError("invalid", `the signers in ${folder} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

const isKeyFile = (name: string): boolean => name === ALLOWED_SIGNERS || /\.(?:asc|gpg|pgp)$/.test(name);

async function readSet(name: string, folder: string, files: readonly Found[]): Promise<SignerSet> {
  if (files.length === 0) {
    throw new AppError("invalid", `the signer set "${name}" holds no keys.`, {
      fix: `Mount ${name}/${ALLOWED_SIGNERS} (SSH), or ${name}/*.asc (GPG public keys).`,
    });
  }
  if (files.length > FILES_MAX) throw new AppError("invalid", `the signer set "${name}" has over ${FILES_MAX} files.`);
  const gpg: KeyFile[] = [];
  let ssh: readonly AllowedSigner[] = [];
  for (const file of files) {
    const where = `${name}/${file.name}`;
    if (file.bytes > FILE_BYTES_MAX) throw new AppError("invalid", `${where} is larger than ${FILE_BYTES_MAX} bytes.`);
    const bytes = await readKeyFile(join(folder, file.name), where);
    if (file.name === ALLOWED_SIGNERS) ssh = parseAllowedSigners(bytes.toString("utf8"), where);
    else gpg.push({ where, bytes: Uint8Array.from(bytes) });
  }
  return { name, ssh, gpg };
}

async function readKeyFile(path: string, where: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new AppError("invalid", `${where} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
