import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { machineInWords } from "./machine.ts";
import { percentile } from "./percentile.ts";
import { residentMemory, residentMemoryNow } from "./resident-memory.ts";
import { settle } from "./settle.ts";

describe("percentile", () => {
  it.each([
    [[5], 99, 5],
    [[3, 1, 2], 50, 2],
    [[1, 2, 3, 4], 50, 2],
    [[1, 2, 3, 4], 100, 4],
    [[1, 2, 3, 4], 0, 1],
    [[100, 9, 20], 99, 100],
  ])("of %j at %d is %d", (samples, percent, expected) => {
    expect(percentile(samples, percent)).toBe(expected);
  });

  it("refuses what has no answer", () => {
    expect(() => percentile([], 50)).toThrow("no samples");
    expect(() => percentile([1], 101)).toThrow("not within");
  });
});

describe("settle", () => {
  const run = (samples: number[]) => {
    const left = [...samples];
    const sample = () => left.shift() as number;
    const options = { windowSamples: 3, samplesMax: samples.length, tolerance: 0.02 };
    return settle({ sample, pause: async () => {}, ...options });
  };

  it.each([
    ["waits for a window without movement", [50, 80, 100, 101, 100, 500], { value: 100, isSettled: true }],
    ["does not take a slow climb for stillness", [100, 103, 106, 109], { value: 109, isSettled: false }],
    ["stops at the deadline with the last value", [1, 9, 1, 9], { value: 9, isSettled: false }],
  ])("%s", async (_, samples, expected) => {
    expect(await run(samples)).toEqual(expected);
  });
});

describe.skipIf(process.platform !== "linux")("residentMemory", () => {
  it("sums a process and its descendants", async () => {
    const allocate = "globalThis.held = Buffer.alloc(64 * 1024 * 1024, 1);";
    const keepAlive = "process.stdin.resume(); process.stdin.on('end', () => process.exit());";
    const child = `${allocate} console.log('ready'); ${keepAlive}`;
    const parent = `${allocate}
      require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}], { stdio: "inherit" });`;
    const started = spawn(process.execPath, ["-e", parent], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      await once(started.stdout, "data");
      const now = residentMemoryNow(started.pid as number);
      expect(now.processes).toBe(2);
      expect(now.bytes).toBeGreaterThan(128 * 1024 * 1024);
      const settled = await residentMemory(started.pid as number, { windowMs: 500, deadlineMs: 10_000 });
      expect(settled.processes).toBe(2);
      expect(settled.bytes).toBeGreaterThan(128 * 1024 * 1024);
    } finally {
      const closed = once(started, "close");
      started.stdin.end();
      await closed;
    }
    expect(() => residentMemoryNow(started.pid as number)).toThrow("is gone");
  });

  it("stops when it is told to", async () => {
    await expect(residentMemory(process.pid, { signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

it("says in words what machine this is", () => {
  expect(machineInWords()).toMatch(/^\d+ cores? \(.+\), \d+ GiB, \w+ \w+, Node 26\.\d+\.\d+$/);
});
