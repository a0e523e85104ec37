import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { name as nameSchema } from "@muster/shared/model/ids.ts";
import type { GitCredentials } from "../../ports/git-source.ts";

/**
 * Credentials as Kubernetes mounts Secrets: `<directory>/<name>/token`, or `username` and `password` beside each other.
 * Read at each use, so that a rotated Secret counts from the next fetch on. Null when there is none of this name.
 */
export function mountedCredentials(directory: string | null): (name: string) => Promise<GitCredentials | null> {
  return async (name) => {
    if (directory === null || !nameSchema.safeParse(name).success) return null;
    const read = (file: string): Promise<string | null> =>
      readFile(join(directory, name, file), "utf8").then(
        (text) => text.replace(/\r?\n$/, ""),
        () => null,
      );
    const token = await read("token");
    if (token !== null) return { kind: "token", token };
    const [username, password] = [await read("username"), await read("password")];
    return username === null || password === null ? null : { kind: "basic", username, password };
  };
}
