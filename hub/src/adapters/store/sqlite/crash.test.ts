import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { openSqliteStore } from "./open.ts";

/** Writes numbered documents for ever, and prints each number once the store has acknowledged it. */
const WRITER = `
  const { openSqliteStore } = await import(process.argv[1]);
  const store = await openSqliteStore({ file: process.argv[2], clock: { now: Date.now } });
  for (let n = 0; ; n += 8) {
    await Promise.all(Array.from({ length: 8 }, async (_, k) => {
      await store.documents.put({ collection: "apps", key: "k" + (n + k) }, n + k, { ifVersion: null });
      process.stdout.write(n + k + "\\n");
    }));
  }`;

describe("a hub that is killed with -9", () => {
  it("has kept every write that it acknowledged", async () => {
    const folder = await mkdtemp(join(tmpdir(), "muster-crash-"));
    const file = join(folder, "hub.sqlite");
    try {
      const writer = spawn(process.execPath, ["-e", WRITER, "--", new URL("./open.ts", import.meta.url).href, file], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = new Promise((resolve) => writer.once("exit", resolve));
      const acknowledged: number[] = [];
      for await (const line of createInterface({ input: writer.stdout })) {
        acknowledged.push(Number(line));
        if (acknowledged.length === 300) writer.kill("SIGKILL");
      }
      await exited;
      const store = await openSqliteStore({ file, clock: { now: Date.now, sleep: async () => {} } });
      const kept = new Set((await store.documents.list("apps")).map(({ value }) => value));
      expect(acknowledged.length).toBeGreaterThanOrEqual(300);
      expect(acknowledged.filter((n) => !kept.has(n))).toEqual([]);
      await store.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
