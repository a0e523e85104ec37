import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tools } from "../versions.ts";
import { buildTools } from "./build-tools.ts";
import { binaryPath, isBuilt, toolFolder } from "./cache-folder.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-build-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** A compiler that notes its calls and does in a moment what Go does in minutes. */
function installGo(build: string): { calls: () => string[] } {
  const bin = join(folder, "bin");
  const log = join(folder, "calls");
  mkdirSync(bin);
  writeFileSync(log, "");
  writeFileSync(
    join(bin, "go"),
    `#!/bin/sh
echo "$1" >> ${log}
case "$1" in
  env) echo go1.26.8 ;;
  build)
    while [ "$1" != -o ]; do shift; done
    ${build} ;;
esac
`,
  );
  chmodSync(join(bin, "go"), 0o755);
  vi.stubEnv("PATH", `${bin}${delimiter}${process.env.PATH}`);
  return { calls: () => readFileSync(log, "utf8").split("\n") };
}

test("what is missing is built once, though two ask for it, and said so", async () => {
  const go = installGo('sleep 0.3; echo compiled >&2; echo binary > "$2"');
  const lines: string[] = [];
  const build = () => buildTools(["etcd"], (line) => lines.push(line));
  await Promise.all([build(), build()]);
  expect(readFileSync(binaryPath(tools.etcd, "etcd"), "utf8")).toBe("binary\n");
  expect(go.calls().filter((call) => call === "build")).toHaveLength(1);
  expect(lines[0]).toMatch(/^Building etcd v[\d.]+ into .*\. This happens once per version and takes about 50 seconds/);
  expect(lines.filter((line) => /another process is building it/.test(line))).toHaveLength(1);

  await buildTools(["etcd"], () => expect.unreachable("nothing is left to build"));
});

test("a build that fails says why, and leaves nothing that looks built", async () => {
  installGo('echo "main.go:1: undefined: x" >&2; exit 1');
  await expect(buildTools(["etcd"], () => {})).rejects.toThrow(/go build of etcd .* failed:\n.*undefined: x/);
  expect(isBuilt(tools.etcd)).toBe(false);
  expect(readdirSync(join(folder, "cache", "muster", "control-plane"))).toEqual([expect.stringMatching(/\.lock$/)]);
});

test("what a killed build left is cleared away", async () => {
  installGo('echo binary > "$2"');
  const leftover = `${toolFolder(tools.etcd)}.building-1`;
  mkdirSync(leftover, { recursive: true });
  await buildTools(["etcd"], () => {});
  const names = readdirSync(join(folder, "cache", "muster", "control-plane"));
  expect(names.filter((name) => name.includes(".building-"))).toEqual([]);
  expect(isBuilt(tools.etcd)).toBe(true);
});

test("without Go it says what to install", async () => {
  vi.stubEnv("PATH", folder);
  await expect(buildTools(["etcd"], () => {})).rejects.toThrow(/no "go" on the path; install Go 1\.26 or later/);
});
