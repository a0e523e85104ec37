import { systemClock } from "@muster/shared/system-clock.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { openSqliteStore } from "../adapters/store/sqlite/open.ts";
import type { Store } from "../ports/store.ts";
import { Mirror } from "./mirror.ts";

const noun = { collection: "things", schema: z.object({ count: z.int() }) };
type Thing = { count: number };
const stopping = new AbortController();
let store: Store;
beforeEach(async () => {
  store = await openSqliteStore({ file: ":memory:", clock: systemClock });
});
afterEach(async () => {
  stopping.abort();
  await store.close();
});

async function open(): Promise<{ mirror: Mirror<Thing>; heard: (number | null)[] }> {
  const mirror = new Mirror<Thing>(store.documents, noun);
  const heard: (number | null)[] = [];
  mirror.onChange((_key, value) => heard.push(value?.count ?? null));
  await mirror.open(new AbortController().signal);
  return { mirror, heard };
}
const raise = (current: Thing | null): Thing => ({ count: (current?.count ?? 0) + 1 });

describe("Mirror", () => {
  it("holds what is stored, and hears each value once", async () => {
    await store.documents.put({ collection: "things", key: "a" }, { count: 7 }, { ifVersion: null });
    const { mirror, heard } = await open();
    expect(mirror.get("a")).toEqual({ count: 7 });
    await mirror.write("a", raise);
    await mirror.remove("a");
    await store.documents.list("things");
    expect(heard).toEqual([7, 8, null]);
  });

  it("loses no write of two that work on the same document", async () => {
    const { mirror: one } = await open();
    const { mirror: other } = await open();
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 ? one : other).write("a", raise)));
    expect((await store.documents.get({ collection: "things", key: "a" }))?.value).toEqual({ count: 20 });
    await vi.waitFor(() => expect([one.get("a"), other.get("a")]).toEqual([{ count: 20 }, { count: 20 }]));
  });

  it("writes nothing for null or the same value, and throws what the change throws", async () => {
    const { mirror, heard } = await open();
    expect(await mirror.write("a", () => null)).toBeNull();
    await mirror.write("a", raise);
    await mirror.write("a", (current) => current);
    await expect(
      mirror.write("a", () => {
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(heard).toEqual([1]);
  });

  it("writes nothing that it could not read again", async () => {
    const { mirror } = await open();
    await expect(mirror.write("a", () => ({ count: 0.5 }))).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("things/a is not written: count"),
    });
    expect([mirror.get("a"), await store.documents.list("things")]).toEqual([null, []]);
  });

  it("checks of many entries those that are others than before", async () => {
    const many = {
      collection: "many",
      schema: z.object({ entries: z.record(z.string(), z.object({ count: z.int() })) }),
      entries: "entries" as const,
    };
    const mirror = new Mirror<z.infer<typeof many.schema>>(store.documents, many);
    await mirror.open(new AbortController().signal);
    await mirror.write("a", () => ({ entries: { one: { count: 1 } } }));
    const added = (count: number) =>
      mirror.write("a", (current) => ({ entries: { ...current?.entries, two: { count } } }));
    await expect(added(0.5)).rejects.toMatchObject({ message: expect.stringContaining("entries.two.count") });
    expect(await added(2)).toEqual({ entries: { one: { count: 1 }, two: { count: 2 } } });
  });

  it("refuses to start on a document of another form", async () => {
    await store.documents.put({ collection: "things", key: "a" }, { count: "seven" }, { ifVersion: null });
    await expect(open()).rejects.toMatchObject({ code: "corrupt", message: expect.stringContaining("things/a") });
  });
});
