import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import type { ClusterRecord } from "@muster/hub/core/cluster-record.ts";
import type { Json } from "@muster/hub/ports/store.ts";
import { appOf, HubFixture, person, sourceOf } from "@muster/hub/testing/hub-fixture.ts";
import type { BenchContext } from "../define-bench.ts";
import { watchDelay } from "../measure/event-loop-delay.ts";
import { percentile } from "../measure/percentile.ts";
import { fleetOf } from "./fleet-of.ts";

const CLUSTERS = 10_000;
const APPS = 100;
const GROUPS = 100;
/** Groups that each App wants, so each cluster has ten Apps. */
const GROUPS_EACH = 10;
const RELABELS = 100;
const WARM_UP = 20;

/**
 * One cluster of 10,000 gets another label, gains one App by it and leaves another: from the command until everything
 * that follows is stored. The hub is whole, in this process, on a store in memory; only Git and what renders are fakes.
 */
export async function measureRelabel({ figure, note, signal }: BenchContext): Promise<void> {
  const fixture = await HubFixture.create();
  try {
    const clusters = fleetOf(CLUSTERS);
    await storeClusters(fixture, clusters);
    const hub = await fixture.startHub();
    const names = Array.from({ length: APPS }, (_, index) => `app-${index}`);
    fixture.push(Object.fromEntries(names.map((name) => [`apps/${name}/config.yaml`, `ConfigMap ${name}`])));
    const apps = names.map((name, index) => appOf(name, { clusters: selectorFor(index), onUnplaced: { grace: "1h" } }));
    await hub.commands.apply(person, [sourceOf(), ...apps], { dryRun: false });
    const pairs = await untilAssigned(fixture, signal);

    const busy: number[] = [];
    const took: number[] = [];
    const delay = watchDelay();
    for (let round = 0; round < WARM_UP + RELABELS; round += 1) {
      signal.throwIfAborted();
      const cluster = (round * 97) % CLUSTERS;
      const set = { group: `g${(cluster + 1) % GROUPS}` };
      // What the round before left behind, collecting garbage included, is not this one's.
      await wait(20);
      if (round === WARM_UP) delay.reset();
      const before = performance.eventLoopUtilization();
      const began = performance.now();
      const moved = await hub.commands.labelCluster(
        person,
        `cluster-${cluster}`,
        { set, remove: [] },
        { dryRun: false },
      );
      if (moved.gains.length !== 1 || moved.loses.length !== 1) throw new Error(`moved ${JSON.stringify(moved)}`);
      await hub.settled();
      if (round < WARM_UP) continue;
      took.push(performance.now() - began);
      busy.push(performance.eventLoopUtilization(before).active);
    }
    const what = "relabelling one of 10,000 clusters";
    figure(`${what}: main thread busy p50`, { value: percentile(busy, 50), unit: "ms", goal: { max: 5 } });
    figure(`${what}: main thread busy p95`, { value: percentile(busy, 95), unit: "ms" });
    figure(`${what}: until all is assigned and stored p95`, { value: percentile(took, 95), unit: "ms" });
    figure(`${what}: longest delay of the main thread`, { value: delay.maxMs(), unit: "ms", goal: { max: 50 } });
    delay.stop();
    note(
      `Relabelling: ${APPS} Apps with ${pairs.toLocaleString("en-US")} pairs; each of ${RELABELS} changes makes one App gain the cluster and another leave it. Busy is all that the main thread computes for it: placement, brake, plans, and the writes of five documents and their audit.`,
    );
  } finally {
    await fixture.close();
  }
}

const selectorFor = (index: number) => ({
  matchExpressions: [
    {
      key: "group",
      operator: "In",
      values: Array.from({ length: GROUPS_EACH }, (_, at) => `g${(index * 7 + at) % GROUPS}`),
    },
  ],
});

async function storeClusters(fixture: HubFixture, clusters: readonly ClusterRecord[]): Promise<void> {
  for (const record of clusters) {
    const key = { collection: "clusters", key: record.id };
    await fixture.store.documents.put(key, { ...record, audit: [] } as unknown as Json, {
      ifVersion: null,
      durable: false,
    });
  }
}

async function untilAssigned(fixture: HubFixture, signal: AbortSignal): Promise<number> {
  const wanted = (CLUSTERS / GROUPS) * GROUPS_EACH * APPS;
  for (;;) {
    signal.throwIfAborted();
    await wait(500);
    await fixture.hub.settled();
    let pairs = 0;
    for (const { value } of await fixture.store.documents.list("assigned")) {
      pairs += Object.keys((value as { clusters: object }).clusters).length;
    }
    if (pairs === wanted) return pairs;
  }
}
