import { silentLog } from "@muster/shared/log.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openSqliteStore } from "../adapters/store/sqlite/open.ts";
import { RELEASE_HISTORY_LIMIT } from "../core/plan-retention.ts";
import type { Store } from "../ports/store.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";
import type { HubState } from "./hub-state.ts";
import { createSweep } from "./sweep.ts";

const soon = { timeout: 5_000, interval: 5 };
const file = (version: number) => ({ "apps/shop/web.yaml": `Deployment web v${version}` });

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
});
afterEach(() => fixture.close());

const shopView = () => fixture.hub.queries.app(shop);

it.each(["before", "after"] as const)("keeps a Release that a rollback chooses just %s it is deleted", async (when) => {
  let rollBack: (() => Promise<unknown>) | null = null;
  const wrap = (store: Store): Store => ({
    ...store,
    documents: {
      ...store.documents,
      async delete(key, opts) {
        const chosen = rollBack;
        const isFirst = chosen !== null && key.collection === "releases" && key.key.endsWith("/00000001");
        if (!isFirst) return store.documents.delete(key, opts);
        rollBack = null;
        if (when === "before") {
          void chosen();
          await vi.waitFor(async () => expect((await shopView()).pin).not.toBeNull(), soon);
        }
        const deleted = store.documents.delete(key, opts);
        // Chosen from what is still in memory, written behind the delete.
        if (when === "after") void chosen();
        return deleted;
      },
    },
  });
  await fixture.startHub({ wrap });
  fixture.push(file(1));
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  const many = RELEASE_HISTORY_LIMIT + 1;
  for (let number = 1; number <= many; number += 1) {
    fixture.push(file(number));
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(number), soon);
  }
  await fixture.hub.settled();
  const agent = await fixture.addCluster("eu-1");
  await agent.connect(fixture.hub.gate);
  const done = Promise.withResolvers<void>();
  rollBack = () =>
    fixture.hub.commands
      .rollback(person, { project: "default", app: "shop", to: "r1", reason: "worse", dryRun: false })
      .then(() => done.resolve(), done.reject);
  await fixture.hub.sweep();
  await done.promise;
  await vi.waitFor(async () => expect((await shopView()).placements[0]?.assigned?.release).toBe(1), soon);
  expect((await fixture.store.documents.list("releases")).some(({ key }) => key.endsWith("/00000001"))).toBe(true);
});

it("looks through Releases once, however many blobs go", async () => {
  const clock = new FakeClock(2 * 60 * 60_000);
  const { blobs, documents } = await openSqliteStore({ file: ":memory:", clock: new FakeClock(0) });
  const kept = { app: "app-1", number: 1, bundle: null, input: { charts: [], others: [], commit: "c" }, table: {} };
  const nothing = { values: () => [], entries: () => [], get: () => null };
  const state = {
    ...Object.fromEntries(["lateVariants", "clusters", "definitions", "sourceStatuses"].map((name) => [name, nothing])),
    ...Object.fromEntries(["definitionReads", "assigned", "observed", "presence"].map((name) => [name, nothing])),
    releases: { values: () => [kept] },
    intents: nothing,
    appByUid: () => ({}),
  };
  const tableOf = vi.fn(async () => ({ variants: [{ bundle: { digest: "needed" } }], targets: {} }));
  const sweep = createSweep({
    state: state as unknown as HubState,
    store: { blobs, documents },
    identities: { forget: async () => true },
    renders: { forget: () => {} },
    held: { isHeld: (name) => name === "held" },
    contents: { tableOf: tableOf as never },
    artifacts: { collect: async () => {} },
    releaseHistoryLimit: RELEASE_HISTORY_LIMIT,
    audit: { flush: async () => {}, isDrained: () => true } as never,
    clock,
    log: silentLog,
  });
  const spared = ["needed", "held"];
  const swept = Array.from({ length: 50 }, (_, index) => `bundle-${index}`);
  for (const name of [...spared, ...swept]) await blobs.put(name, new Uint8Array(8));
  await sweep.run();
  const left = await Array.fromAsync(blobs.list());
  expect(left.map(({ name }) => name).sort()).toEqual(spared.sort());
  expect(tableOf).toHaveBeenCalledTimes(1);
});

/** Numbers of the Releases that are stored. */
const stored = async () =>
  (await fixture.store.documents.list("releases")).map(({ key }) => Number(key.split("/")[1])).sort((a, b) => a - b);

async function release(count: number, from = 1): Promise<void> {
  for (let number = from; number < from + count; number += 1) {
    fixture.push(file(number));
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(number), soon);
  }
  await fixture.hub.settled();
}

it("keeps as many of an App's newest Releases as the hub is told, or the App itself says", async () => {
  await fixture.startHub({ over: { releaseHistoryLimit: 3 } });
  fixture.push(file(1));
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  await release(5);
  await fixture.hub.sweep();
  expect(await stored()).toEqual([3, 4, 5]);

  await fixture.hub.commands.apply(person, [appOf("shop", { releaseHistoryLimit: 1 })], { dryRun: false });
  await fixture.hub.sweep();
  expect(await stored()).toEqual([5]);
});

it("keeps a pinned Release and the one before it, however few are to be kept", async () => {
  await fixture.startHub({ over: { releaseHistoryLimit: 1 } });
  fixture.push(file(1));
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  await release(2);
  await fixture.hub.commands.rollback(person, { ...rollback, to: "r1" });
  await release(2, 3);
  await fixture.hub.sweep();
  expect(await stored()).toEqual([1, 4]);
});

const rollback = { project: "default", app: "shop", reason: "worse", dryRun: false };
