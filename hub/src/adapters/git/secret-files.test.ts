import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createSecretFiles } from "./secret-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-secret-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("are for nobody else, and gone when the work has ended, also badly", async () => {
  const directory = join(folder, "secrets");
  await mkdir(join(directory, "use-killed"), { recursive: true });
  await writeFile(join(directory, "use-killed", "key"), "left by a killed process");
  const secrets = createSecretFiles(directory);
  const seen = await secrets.during({ key: "the key" }, async ({ key }) => ({
    text: await readFile(key, "utf8"),
    mode: (await stat(key)).mode & 0o777,
    all: (await readdir(directory)).length,
  }));
  expect(seen).toEqual({ text: "the key", mode: 0o600, all: 1 });
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  await expect(secrets.during({ key: "x" }, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await readdir(directory)).toEqual([]);
});
