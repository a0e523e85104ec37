import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { compareFolders, replaceFolder } from "./generated-files.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-generated-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("names what is missing, stale or left over, and puts it right", async () => {
  write("fresh/v1/new.js", "new");
  write("fresh/v1/same.js", "same");
  write("fresh/changed.js", "after");
  write("committed/v1/same.js", "same");
  write("committed/changed.js", "before");
  write("committed/gone.js", "gone");
  const expected = [
    { path: "changed.js", kind: "stale" },
    { path: "v1/new.js", kind: "missing" },
    { path: "gone.js", kind: "left over" },
  ];
  expect(await compareFolders(join(folder, "fresh"), join(folder, "committed"))).toEqual(expected);
  expect(await replaceFolder(join(folder, "fresh"), join(folder, "committed"))).toEqual(expected);
  expect(await compareFolders(join(folder, "fresh"), join(folder, "committed"))).toEqual([]);
});

it("takes a folder that is absent for an empty one", async () => {
  write("fresh/a.js", "a");
  expect(await compareFolders(join(folder, "fresh"), join(folder, "nowhere"))).toEqual([
    { path: "a.js", kind: "missing" },
  ]);
});

function write(path: string, content: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}
