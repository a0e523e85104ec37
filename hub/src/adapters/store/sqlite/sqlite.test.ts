import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "@muster/shared/clock.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storeContract } from "../../../ports/store.contract.ts";
import { openSqliteStore } from "./open.ts";

/** Only `now` matters to a store. */
function movableClock(): Clock & { time: number } {
  const clock = { time: 1_000_000, now: () => clock.time, sleep: () => Promise.reject(new Error("not used")) };
  return clock;
}

describe("the SQLite store in memory", () => {
  storeContract(async () => {
    const clock = movableClock();
    return {
      store: await openSqliteStore({ file: ":memory:", clock }),
      passLeaseTime: (ms) => {
        clock.time += ms;
      },
    };
  });
});

describe("the SQLite file", () => {
  let folder: string;
  let file: string;
  const clock = movableClock();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-sqlite-"));
    file = join(folder, "hub.sqlite");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("keeps everything when it is opened again, terms of leases included", async () => {
    const first = await openSqliteStore({ file, clock });
    const version = await first.documents.put({ collection: "apps", key: "a" }, 1, { ifVersion: null });
    await first.blobs.put("b", new Uint8Array([1, 2, 3]));
    await first.journal.append("audit", [{ id: "a", value: 1 }]);
    const lease = await first.leases.acquire("leader", { holder: "one", ttlMs: 1_000 });
    await first.leases.release("leader", { holder: "one", term: lease?.term ?? 0 });
    await first.close();

    const second = await openSqliteStore({ file, clock });
    expect(await second.documents.get({ collection: "apps", key: "a" })).toEqual({ key: "a", value: 1, version });
    expect(await second.blobs.get("b")).toEqual(new Uint8Array([1, 2, 3]));
    expect(await second.journal.head("audit")).toBe(1);
    expect((await second.leases.acquire("leader", { holder: "two", ttlMs: 1 }))?.term).toBe((lease?.term ?? 0) + 1);
    await second.close();
  });

  it("belongs to one process at a time", async () => {
    const first = await openSqliteStore({ file, clock });
    await expect(openSqliteStore({ file, clock })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("another hub process"),
    });
    await first.close();
  });

  it("refuses a file that a newer Muster wrote, and leaves it as it is", async () => {
    await (await openSqliteStore({ file, clock })).close();
    const raw = new DatabaseSync(file);
    raw.exec("PRAGMA user_version = 999");
    raw.close();
    await expect(openSqliteStore({ file, clock })).rejects.toMatchObject({
      code: "unsupported",
      fix: expect.stringContaining("newer hub"),
    });
  });

  it("refuses somebody else's database", async () => {
    const raw = new DatabaseSync(file);
    raw.exec("CREATE TABLE theirs (x)");
    raw.close();
    await expect(openSqliteStore({ file, clock })).rejects.toMatchObject({ code: "corrupt" });
  });

  it("refuses bytes that are no database, and never empties them", async () => {
    await writeFile(file, "not a database, but somebody's only copy of something ".repeat(50));
    const before = (await stat(file)).size;
    await expect(openSqliteStore({ file, clock })).rejects.toMatchObject({ code: "corrupt" });
    expect((await stat(file)).size).toBe(before);
  });

  it("answers with an error once it is closed", async () => {
    const store = await openSqliteStore({ file, clock });
    await store.close();
    await expect(store.documents.get({ collection: "apps", key: "a" })).rejects.toMatchObject({ code: "unavailable" });
  });
});
