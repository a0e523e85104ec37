import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { mountedCredentials } from "./mounted-credentials.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-credentials-"));
  for (const name of ["forge", "robot", "half"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "forge/username"), "ada\n");
  writeFileSync(join(folder, "forge/password"), "a secret \n");
  writeFileSync(join(folder, "robot/token"), "t0ken");
  writeFileSync(join(folder, "half/username"), "ada");
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ["forge", { kind: "basic", username: "ada", password: "a secret " }],
  ["robot", { kind: "token", token: "t0ken" }],
  ["half", null],
  ["nobody", null],
  ["../forge", null],
])("reads %s", async (name, expected) => {
  expect(await mountedCredentials(folder)(name)).toEqual(expected);
});

it("knows none without a directory", async () => {
  expect(await mountedCredentials(null)("forge")).toBeNull();
});
