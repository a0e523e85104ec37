import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { acquireBuildLock } from "./build-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-build-lock-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a second holder waits until the first lets go", async () => {
  const path = join(folder, "released.lock");
  const order: string[] = [];
  const first = await acquireBuildLock(path);
  let waits = () => {};
  const isWaiting = new Promise<void>((resolve) => {
    waits = resolve;
  });
  const second = acquireBuildLock(path, { onWait: waits }).then((lock) => {
    order.push("second has it");
    lock.release();
  });
  await isWaiting;
  order.push("first lets go");
  first.release();
  await second;
  expect(order).toEqual(["first lets go", "second has it"]);
});

test("a holder that was killed holds nothing", async () => {
  const path = join(folder, "killed.lock");
  const script = `
    const { acquireBuildLock } = await import(${JSON.stringify(join(import.meta.dirname, "build-lock.ts"))});
    globalThis.lock = await acquireBuildLock(${JSON.stringify(path)});
    console.log("held");
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  await expect(acquireBuildLock(path, { waitMsMax: 0 })).rejects.toThrow(/another process holds/);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  (await acquireBuildLock(path)).release();
});
