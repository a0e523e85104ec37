import { randomBytes } from "node:crypto";
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";

/** The bootstrap administrator's token, in a file that only its owner reads: written once, and kept. */
export async function keepAdminToken(folder: string, log: Log): Promise<string> {
  const file = join(folder, "admin-token");
  const found = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new AppError("unavailable", `the token file ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  if (found !== null && found.trim() !== "") {
    await chmod(file, 0o600);
    return found.trim();
  }
  const token = `mt1_${randomBytes(32).toString("base64url")}`;
  // Whole or not at all: a hub killed here must not leave half a token behind.
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  log.info({ file: "admin-token" }, "the administrator's token was written to the data directory");
  return token;
}
