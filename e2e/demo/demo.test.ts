import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const main = join(import.meta.dirname, "../../cli/src/demo/main.ts");
const deadlineMs = 60_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-demo-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The demo as `npm run demo` starts it, with a home and a temporary folder of its own, and no Git on its path. */
function demo(args: readonly string[]) {
  const env = { HOME: folder, TMPDIR: folder, PATH: "" };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  return { child, ended, output: () => output };
}

describe("npm run demo", () => {
  it(
    "tells its whole story within a minute, and leaves nothing behind",
    async () => {
      const { ended, output } = demo(["--once"]);
      expect([await ended, output()]).toEqual([0, expect.stringContaining("All of it in")]);
      const steps = output().match(/^ {2}✓ .+? {2,}[\d.]+ m?s {2}/gm) ?? [];
      expect(steps.map((line) => line.slice(4).replace(/ {2,}.*/, ""))).toEqual([
        "A hub starts",
        "Three clusters join",
        "An App reaches all of them",
        "A commit reaches all of them",
        "Drift made by hand is healed",
        "A broken commit is refused",
        "A rollback, above Git",
      ]);
      expect(output()).toMatch(/apps\/shop\/config\.yaml:8 \(commit [0-9a-f]{7}, document 2\): "kind" is missing\./);
      expect(output()).toContain("default/shop stays at r2 on all 3 clusters.");
      for (const cluster of ["paris", "denver", "osaka"]) {
        expect(output()).toMatch(new RegExp(`${cluster} +Connected +r1 +Synced +Healthy +shop:1\\.0 +2/2`));
      }
      expect(await readdir(folder)).toEqual([]);
    },
    deadlineMs,
  );

  it(
    "stays until Ctrl-C without --once, and cleans up then",
    async () => {
      const { child, ended, output } = demo([]);
      await expect.poll(output, { timeout: deadlineMs / 2 }).toContain("Ctrl-C ends it");
      child.kill("SIGINT");
      expect(await ended).toBe(0);
      expect(await readdir(folder)).toEqual([]);
    },
    deadlineMs,
  );

  it(
    "can be ended in the middle",
    async () => {
      const { child, ended, output } = demo([]);
      await expect.poll(output, { timeout: deadlineMs / 2 }).toContain("Three clusters join");
      child.kill("SIGINT");
      expect([0, 130]).toContain(await ended);
      expect(await readdir(folder)).toEqual([]);
    },
    deadlineMs,
  );
});
