import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DOCUMENT_BYTES_MAX, type DocumentChange, type Store } from "./store.ts";

/** What every adapter of `Store` must do. `open` gives an empty store; `expireLeases` lets lease time pass. */
export function storeContract(
  open: () => Promise<{ store: Store; passLeaseTime: (ms: number) => Promise<void> | void }>,
): void {
  let store: Store;
  let passLeaseTime: (ms: number) => Promise<void> | void;
  beforeEach(async () => {
    ({ store, passLeaseTime } = await open());
  });
  afterEach(() => store.close());

  const at = (key: string) => ({ collection: "apps", key });

  describe("documents", () => {
    it("creates only where there is nothing", async () => {
      const version = await store.documents.put(at("a"), { n: 1 }, { ifVersion: null });
      expect(await store.documents.get(at("a"))).toEqual({ key: "a", value: { n: 1 }, version });
      await expect(store.documents.put(at("a"), { n: 2 }, { ifVersion: null })).rejects.toMatchObject({
        code: "conflict",
      });
    });

    it("changes only the version that was read, and versions rise", async () => {
      const first = await store.documents.put(at("a"), 1, { ifVersion: null });
      const second = await store.documents.put(at("a"), 2, { ifVersion: first });
      expect(second).toBeGreaterThan(first);
      await expect(store.documents.put(at("a"), 3, { ifVersion: first })).rejects.toMatchObject({ code: "conflict" });
      await expect(store.documents.put(at("b"), 3, { ifVersion: first })).rejects.toMatchObject({ code: "conflict" });
    });

    it("lets one of many concurrent writers win", async () => {
      const base = await store.documents.put(at("a"), 0, { ifVersion: null });
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, n) => store.documents.put(at("a"), n + 1, { ifVersion: base })),
      );
      expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    });

    it("counts equal content as no new version, whatever the order of its keys", async () => {
      const first = await store.documents.put(at("a"), { x: 1, y: [2] }, { ifVersion: null });
      expect(await store.documents.put(at("a"), { y: [2], x: 1 }, { ifVersion: first })).toBe(first);
    });

    it("never repeats a version when a document is deleted and made again", async () => {
      const first = await store.documents.put(at("a"), 1, { ifVersion: null });
      await expect(store.documents.delete(at("a"), { ifVersion: first + 1 })).rejects.toMatchObject({
        code: "conflict",
      });
      await store.documents.delete(at("a"), { ifVersion: first });
      expect(await store.documents.get(at("a"))).toBeNull();
      expect(await store.documents.put(at("a"), 1, { ifVersion: null })).toBeGreaterThan(first);
    });

    it("takes values up to the limit and refuses larger ones", async () => {
      const fits = "x".repeat(DOCUMENT_BYTES_MAX - 2);
      await store.documents.put(at("a"), fits, { ifVersion: null });
      await expect(store.documents.put(at("b"), `${fits}x`, { ifVersion: null })).rejects.toMatchObject({
        code: "too-large",
      });
    });

    it.each(["", "a b", "a//b", "/a", "a/", "ä", "a.b", "x".repeat(257)])("refuses the key %j", async (key) => {
      await expect(store.documents.put(at(key), 1, { ifVersion: null })).rejects.toMatchObject({ code: "invalid" });
    });

    it("lists by key, by whole parts of it, and by collection", async () => {
      for (const key of ["shop/b", "shop/a", "shopping/a", "x"]) {
        await store.documents.put(at(key), key, { ifVersion: null });
      }
      await store.documents.put({ collection: "other", key: "shop/c" }, 1, { ifVersion: null });
      expect((await store.documents.list("apps")).map(({ key }) => key)).toEqual([
        "shop/a",
        "shop/b",
        "shopping/a",
        "x",
      ]);
      expect((await store.documents.list("apps", { prefix: "shop/" })).map(({ key }) => key)).toEqual([
        "shop/a",
        "shop/b",
      ]);
    });
  });

  describe("watch", () => {
    it("gives a snapshot, the mark, then changes and deletes", async () => {
      const version = await store.documents.put(at("a"), 1, { ifVersion: null });
      const watcher = watching(store);
      expect(await watcher.next()).toMatchObject({ kind: "put", document: { key: "a", value: 1 } });
      expect(await watcher.next()).toEqual({ kind: "caught-up" });
      const b = await store.documents.put(at("b"), 2, { ifVersion: null });
      expect(await watcher.next()).toEqual({ kind: "put", document: { key: "b", value: 2, version: b } });
      await store.documents.delete(at("a"), { ifVersion: version });
      expect(await watcher.next()).toMatchObject({ kind: "delete", key: "a" });
      await watcher.stop();
    });

    it("misses nothing that is written while it starts", async () => {
      const watcher = watching(store);
      const writes = Promise.all(
        Array.from({ length: 200 }, (_, n) => store.documents.put(at(`k${n}`), n, { ifVersion: null })),
      );
      const seen = new Set<string>();
      while (seen.size < 200) {
        const change = await watcher.next();
        if (change?.kind === "put") seen.add(change.document.key);
      }
      await writes;
      await watcher.stop();
    });

    it("tells a slow reader the last of several changes, in the order they were made", async () => {
      const watcher = watching(store);
      expect(await watcher.next()).toEqual({ kind: "caught-up" });
      let version = await store.documents.put(at("a"), 0, { ifVersion: null });
      await store.documents.put(at("b"), 0, { ifVersion: null });
      for (let n = 1; n <= 5; n++) version = await store.documents.put(at("a"), n, { ifVersion: version });
      const last = new Map<string, unknown>();
      while (last.get("a") !== 5 || !last.has("b")) {
        const change = await watcher.next();
        if (change?.kind === "put") last.set(change.document.key, change.document.value);
      }
      expect(Object.fromEntries(last)).toEqual({ a: 5, b: 0 });
      await watcher.stop();
    });

    it("ends when its signal aborts", async () => {
      const watcher = watching(store);
      expect(await watcher.next()).toEqual({ kind: "caught-up" });
      const next = watcher.next();
      await watcher.stop();
      expect(await next).toBeUndefined();
    });
  });

  describe("blobs", () => {
    const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, n) => (n * 31) % 251);

    it.each([0, 1, 256 * 1024, 256 * 1024 + 1, 1_500_000])(
      "gives back %i bytes, whole and in ranges",
      async (length) => {
        const whole = bytes(length);
        await store.blobs.put("b1-x", whole);
        expect(await store.blobs.size("b1-x")).toBe(length);
        expect(Buffer.compare((await store.blobs.get("b1-x")) as Uint8Array, whole)).toBe(0);
        for (const [from, to] of [
          [0, 10],
          [262_100, 262_200],
          [length - 3, length + 5],
        ] as const) {
          const range = await store.blobs.read("b1-x", { from: Math.max(0, from), to });
          expect(Buffer.compare(range, whole.subarray(Math.max(0, from), to))).toBe(0);
        }
      },
    );

    it("takes the same bytes twice, and knows what it has not", async () => {
      await store.blobs.put("b", bytes(5));
      await store.blobs.put("b", bytes(5));
      expect(await store.blobs.has("b")).toBe(true);
      expect(await store.blobs.has("c")).toBe(false);
      expect(await store.blobs.get("c")).toBeNull();
      expect(await store.blobs.size("c")).toBeNull();
      await expect(store.blobs.read("c", { from: 0, to: 1 })).rejects.toMatchObject({ code: "not-found" });
    });

    it("lists and deletes", async () => {
      await store.blobs.put("b", bytes(5));
      await store.blobs.put("a", bytes(3));
      expect(await Array.fromAsync(store.blobs.list(), ({ name, bytes }) => `${name}:${bytes}`)).toEqual([
        "a:3",
        "b:5",
      ]);
      await store.blobs.delete("a");
      await store.blobs.delete("a");
      expect(await store.blobs.has("a")).toBe(false);
    });
  });

  describe("journal", () => {
    const entry = (id: string) => ({ id, value: { id } });

    it("appends in order, from 1", async () => {
      expect(await store.journal.head("audit")).toBe(0);
      expect(await store.journal.append("audit", [entry("a"), entry("b")])).toBe(2);
      expect(await store.journal.append("audit", [entry("c")])).toBe(3);
      expect(await store.journal.read("audit", { after: 1, limit: 10 })).toEqual([
        { sequence: 2, id: "b", value: { id: "b" } },
        { sequence: 3, id: "c", value: { id: "c" } },
      ]);
      expect(await store.journal.read("audit", { after: 0, limit: 1 })).toHaveLength(1);
      expect(await store.journal.head("events")).toBe(0);
    });

    it("appends an id once, so that draining again repeats nothing", async () => {
      await store.journal.append("audit", [entry("a")]);
      expect(await store.journal.append("audit", [entry("a"), entry("b")])).toBe(2);
    });

    it("refuses another head than the one expected", async () => {
      await store.journal.append("audit", [entry("a")], { ifHead: 0 });
      await expect(store.journal.append("audit", [entry("b")], { ifHead: 0 })).rejects.toMatchObject({
        code: "conflict",
      });
      expect(await store.journal.head("audit")).toBe(1);
    });
  });

  describe("leases", () => {
    const one = { holder: "one", ttlMs: 1_000 };
    const two = { holder: "two", ttlMs: 1_000 };

    it("are held by one, until released", async () => {
      const held = await store.leases.acquire("leader", one);
      expect(await store.leases.acquire("leader", two)).toBeNull();
      await store.leases.release("leader", { holder: "one", term: held?.term ?? 0 });
      const after = await store.leases.acquire("leader", two);
      expect(after?.term).toBeGreaterThan(held?.term ?? 0);
    });

    it("lapse; a lapsed holder that was replaced cannot renew", async () => {
      const held = await store.leases.acquire("leader", one);
      const term = held?.term ?? 0;
      expect(await store.leases.renew("leader", { ...one, term })).toBe(true);
      await passLeaseTime(1_500);
      expect(await store.leases.acquire("leader", two)).not.toBeNull();
      expect(await store.leases.renew("leader", { ...one, term })).toBe(false);
    });
  });
}

/** Reads a watch one change at a time; `undefined` once it has ended. */
function watching(store: Store) {
  const stop = new AbortController();
  const changes = store.documents.watch("apps", { signal: stop.signal })[Symbol.asyncIterator]();
  return {
    async next(): Promise<DocumentChange | undefined> {
      const result = await changes.next();
      return result.done === true ? undefined : result.value;
    },
    async stop(): Promise<void> {
      stop.abort();
    },
  };
}
