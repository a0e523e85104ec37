import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { pollUntil } from "./processes/poll-until.ts";
import { controlPlaneAvailability } from "./test-clusters.ts";

const main = join(import.meta.dirname, "main.ts");
const run = promisify(execFile);
const availability = await controlPlaneAvailability();

test("status says what is built and where", async () => {
  const { stdout } = await run(process.execPath, [main, "status"]);
  expect(stdout).toMatch(/^cache: .*muster.control-plane$/m);
  expect(stdout).toMatch(/^etcd v[\d.]+ +/m);
});

test("a wrong call is answered with the usage or the mistake", async () => {
  await expect(run(process.execPath, [main])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Usage"),
  });
  await expect(run(process.execPath, [main, "up", "--clusters", "two"])).rejects.toThrow(
    '--clusters must be a whole number of at least 1, not "two"',
  );
});

describe.skipIf(!availability.ok)("up", () => {
  test("prints kubeconfigs, and Ctrl-C removes everything", async () => {
    const child = spawn(process.execPath, [main, "up", "--clusters", "2"], { stdio: ["ignore", "pipe", "inherit"] });
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk;
    });
    const ended = once(child, "exit");
    try {
      await pollUntil("clusters by hand", async () => printed.includes("Ctrl-C"), { deadlineMs: 150_000 });
      const kubeconfigs = [...printed.matchAll(/KUBECONFIG=(.*)$/gm)].map(([, path]) => path as string);
      expect(kubeconfigs.map((path) => existsSync(path))).toEqual([true, true]);
      child.kill("SIGINT");
      expect(await ended).toEqual([0, null]);
      expect(kubeconfigs.map((path) => existsSync(path))).toEqual([false, false]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
