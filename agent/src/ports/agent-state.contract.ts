import type { AppUid, Digest } from "@muster/shared/model/ids.ts";
import { type AppRecord, appRecord } from "@muster/shared/model/inventory.ts";
import { expect, test } from "vitest";
import type { AgentState } from "./agent-state.ts";

export interface AgentStateSubject {
  /** Another process of the same cluster. */
  open(): AgentState;
  close(): Promise<void>;
}

const record = (uid: string, over: Partial<AppRecord> = {}): AppRecord =>
  appRecord.parse({
    app: { uid, project: "storefront", name: uid },
    mark: { hubId: "hub", appUid: uid, epoch: { number: 1, tag: "t" }, generation: 3, payloadSha256: "ab".repeat(32) },
    assignment: { payload: "cGF5bG9hZA==", keyId: "k1", signature: "c2ln" },
    appliedDigest: null,
    inventory: [{ ref: { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "a" }, uid: "u1" }],
    ...over,
  });
const digest = (fill: string): Digest => `b1:sha256:${fill.repeat(64)}` as Digest;
const byUid = (records: readonly AppRecord[]) => records.toSorted((a, b) => (a.app.uid < b.app.uid ? -1 : 1));

export function agentStateContract(makeSubject: () => Promise<AgentStateSubject>): void {
  const withSubject = (run: (subject: AgentStateSubject) => Promise<void>) => async () => {
    const subject = await makeSubject();
    try {
      await run(subject);
    } finally {
      await subject.close();
    }
  };

  test(
    "what was put is there after a restart, the last put of an App counts",
    withSubject(async ({ open }) => {
      const first = open();
      expect(await first.load({ fence: 1 })).toEqual({ records: [], removed: [] });
      const apps = Array.from({ length: 200 }, (_, i) => record(`app-${i}`));
      await Promise.all(apps.map((app) => first.put(app)));
      const later = record("app-7", { appliedDigest: digest("a"), inventory: [] });
      void first.put(record("app-7", { inventory: [] }));
      await first.put(later);
      const { records } = await open().load({ fence: 2 });
      expect(byUid(records)).toEqual(byUid(apps.map((app) => (app.app.uid === "app-7" ? later : app))));
    }),
  );

  test(
    "a removed App leaves its mark",
    withSubject(async ({ open }) => {
      const first = open();
      await first.load({ fence: 1 });
      const app = record("gone");
      await first.put(app);
      await first.remove("gone" as AppUid, app.mark);
      await first.remove("never" as AppUid, { ...app.mark, appUid: "never" as AppUid });
      const found = await open().load({ fence: 2 });
      expect(found.records).toEqual([]);
      expect(found.removed.map(({ appUid }) => appUid).toSorted()).toEqual(["gone", "never"]);
    }),
  );

  test(
    "an App that comes back has a record and no other mark",
    withSubject(async ({ open }) => {
      const first = open();
      await first.load({ fence: 1 });
      await first.remove("back" as AppUid, record("back").mark);
      await first.put(record("back"));
      const found = await open().load({ fence: 2 });
      expect(found).toMatchObject({ records: [{ app: { uid: "back" } }], removed: [] });
    }),
  );

  test(
    "a writer that was taken over from fails, on records that are there and on new ones",
    withSubject(async ({ open }) => {
      const older = open();
      await older.load({ fence: 1 });
      await older.put(record("app"));
      const newer = open();
      await newer.load({ fence: 2 });
      await newer.put(record("fresh"));
      await expect(older.put(record("app", { inventory: [] }))).rejects.toMatchObject({ code: "conflict" });
      await expect(older.put(record("fresh", { inventory: [] }))).rejects.toMatchObject({ code: "conflict" });
      await newer.put(record("app"));
      const { records } = await open().load({ fence: 3 });
      expect(byUid(records)).toEqual([record("app"), record("fresh")]);
    }),
  );

  test(
    "a large inventory fits",
    withSubject(async ({ open }) => {
      const inventory = Array.from({ length: 5_000 }, (_, i) => ({
        ref: { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: `settings-of-service-${i}` },
        uid: `0b7f1f0e-6f0c-4b8e-9f44-${(i * 7_919).toString(16).padStart(12, "0")}`,
      }));
      const first = open();
      await first.load({ fence: 1 });
      await first.put(record("large", { inventory }));
      const { records } = await open().load({ fence: 2 });
      expect(records[0]?.inventory).toEqual(inventory);
    }),
  );

  test(
    "bundles are kept until nobody names them, whatever their size",
    withSubject(async ({ open }) => {
      const first = open();
      await first.load({ fence: 1 });
      const large = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * 2_654_435_761) >>> 13);
      const small = new Uint8Array([1, 2, 3]);
      await first.putBundle(digest("a"), large);
      await first.putBundle(digest("b"), small);
      await first.putBundle(digest("b"), small);
      const second = open();
      await second.load({ fence: 2 });
      expect(Buffer.compare((await second.getBundle(digest("a"))) ?? Buffer.alloc(0), large)).toBe(0);
      expect([...((await second.getBundle(digest("b"))) ?? [])]).toEqual([1, 2, 3]);
      expect(await second.getBundle(digest("c"))).toBeNull();
      await second.keepBundles(new Set([digest("b")]));
      expect(await second.getBundle(digest("a"))).toBeNull();
      expect(await second.getBundle(digest("b"))).not.toBeNull();
      await second.putBundle(digest("a"), small);
      expect([...((await second.getBundle(digest("a"))) ?? [])]).toEqual([1, 2, 3]);
    }),
  );
}
