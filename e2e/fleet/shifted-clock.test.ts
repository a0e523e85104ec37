import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const program = `
  import { Worker } from "node:worker_threads";
  const look = "({ now: Date.now(), made: new Date().getTime(), given: new Date(5).getTime(), text: Date.parse(Date()), isDate: new Date() instanceof Date })";
  const code = "import { parentPort } from 'node:worker_threads'; parentPort.postMessage(" + look + ")";
  const worker = new Worker(code, { eval: true });
  worker.once("message", (inWorker) => console.log(JSON.stringify([eval(look), inWorker])));
`;

test("a program and its workers see the moved clock", async () => {
  const offsetMs = -26 * 3_600_000;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", join(import.meta.dirname, "shifted-clock.ts"), "--input-type=module", "--eval", program],
    { env: { PATH: process.env.PATH, MUSTER_TEST_CLOCK_OFFSET_MS: String(offsetMs) } },
  );
  const expected = Date.now() + offsetMs;
  const seen = JSON.parse(stdout) as { now: number; made: number; given: number; text: number; isDate: boolean }[];
  expect(seen).toHaveLength(2);
  for (const { now, made, given, text, isDate } of seen) {
    for (const time of [now, made, text]) expect(Math.abs(time - expected)).toBeLessThan(20_000);
    expect([given, isDate]).toEqual([5, true]);
  }
});
