import { chmod, link, lstat, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import { signedKeySetJson } from "@muster/shared/model/joining.ts";
import { z } from "zod";

/**
 * Everything secret that makes this hub this hub is one file, so that it is either all there or not there:
 * `<directory>/hub-keys.json`, mode 0600 in a directory of mode 0700.
 */

const pem = z.string().min(1).max(8_192);

export const keyFile = z.object({
  format: z.literal("muster-hub-keys/v1"),
  hubId: z.string().regex(/^hub-[0-9a-f]{16}$/),
  /** The root's P-256 key (PKCS#8 PEM) and self-signed certificate. */
  root: z.object({ privateKey: pem, certificate: pem }),
  /** Ed25519 keys that sign assignments; the last one signs, all verify. */
  signingKeys: z.array(z.object({ id: z.string(), privateKey: pem })).min(1),
  /** The chain, oldest first. */
  keySets: z.array(signedKeySetJson).min(1),
});
export type KeyFile = z.infer<typeof keyFile>;

export const pathOfKeys = (directory: string): string => join(directory, "hub-keys.json");

/** Null when there is none. @throws AppError "forbidden" (others may read it), "corrupt" (unreadable or incomplete). */
export async function readKeyFile(directory: string): Promise<KeyFile | null> {
  const path = pathOfKeys(directory);
  const [folder, file] = [await statOf(directory), await statOf(path)];
  if (folder !== null) refuseOpenMode(directory, folder.mode, "700");
  if (file === null) return null;
  if (!file.isFile()) throw broken(path, "it is not a regular file");
  refuseOpenMode(path, file.mode, "600");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw broken(path, `it cannot be read: ${messageOf(cause)}`, cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw broken(path, `it is incomplete: it ends or breaks off within its ${text.length} characters`);
  }
  const parsed = keyFile.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw broken(path, `${issue?.path.join(".") || "the whole"}: ${issue?.message}`);
  }
  return parsed.data;
}

/** Writes the first keys, whole or not at all. False when another process was first: read those instead. */
export async function createKeyFile(directory: string, keys: KeyFile, temporaryName: string): Promise<boolean> {
  if (await mkdir(directory, { recursive: true, mode: 0o700 })) await chmod(directory, 0o700);
  const folder = await lstat(directory);
  refuseOpenMode(directory, folder.mode, "700");
  const temporary = join(directory, temporaryName);
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(JSON.stringify(keys, null, 2));
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link, not a rename: it fails when the name is taken, so keys that are in use are never written over.
    await link(temporary, pathOfKeys(directory));
    await syncFolder(directory);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new AppError("unavailable", `cannot write the hub's keys to ${directory}: ${messageOf(cause)}`, {
      cause,
      retryable: false,
      fix: "Give the hub a data directory that it may write to.",
    });
  } finally {
    await rm(temporary, { force: true });
  }
}

async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw broken(path, `it cannot be looked at: ${messageOf(cause)}`, cause);
  }
}

function refuseOpenMode(path: string, mode: number, wanted: string): void {
  if ((mode & 0o077) === 0) return;
  const found = (mode & 0o777).toString(8);
  throw new AppError(
    "forbidden",
    `the hub's keys at ${path} are open to other users (mode ${found}); the hub does not use them.`,
    {
      fix: `If nobody else had access: chmod ${wanted} ${path}. Otherwise start a hub with new keys and join its clusters again.`,
    },
  );
}

async function syncFolder(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const broken = (path: string, why: string, cause?: unknown): AppError =>
  new AppError("corrupt", `the hub's keys at ${path} cannot be used: ${why}.`, {
    cause,
    fix: "Restore the file from its backup. Agents trust these keys only: with new ones every cluster has to join again.",
  });
