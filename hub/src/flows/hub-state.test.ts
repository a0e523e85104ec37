import { silentLog } from "@muster/shared/log.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSqliteStore } from "../adapters/store/sqlite/open.ts";
import { SHARD_CLUSTERS_MAX, shardKey } from "../core/documents/assigned.ts";
import type { ObservedEntry } from "../core/documents/observed.ts";
import { noMetrics } from "../ports/metrics.ts";
import type { Store } from "../ports/store.ts";
import { APP, EPOCH_1, intent, run } from "../testing/facts.ts";
import { createAuditDrain } from "./drain-audit.ts";
import { HubState } from "./hub-state.ts";
import { ingestReports } from "./ingest-reports.ts";
import { createTraces } from "./trace.ts";

const stopping = new AbortController();
const { signal } = stopping;
const tools = { clock: systemClock, log: silentLog, metrics: noMetrics };
let store: Store;
let state: HubState;
beforeEach(async () => {
  store = await openSqliteStore({ file: ":memory:", clock: systemClock });
  state = await open();
});
afterEach(() => store.close());

async function open(): Promise<HubState> {
  const audit = createAuditDrain({ journal: store.journal, random: Math.random, signal, ...tools });
  const opened = new HubState(store.documents, audit);
  await opened.open(signal);
  return opened;
}

const ahead: ObservedEntry = { report: null, ahead: { epoch: EPOCH_1, generation: 9 } };
const seen: ObservedEntry = { report: null, ahead: null };
const id = (number: number) => `c-${String(number).padStart(4, "0")}` as ClusterId;
const observe = (shard: number, clusters: Record<string, ObservedEntry>) =>
  state.observed.write(shardKey(APP.uid, shard), () => ({ app: APP.uid, shard, clusters }));

describe("what is observed of clusters without an entry", () => {
  it("is spread over shards, each of which the store can hold", async () => {
    await state.intents.write(APP.uid, () => intent());
    const ingest = ingestReports({ state, documents: store.documents, traces: createTraces(), ...tools });
    const count = 2 * SHARD_CLUSTERS_MAX + 10;
    for (let number = 0; number < count; number += 1) await ingest.noteAhead(id(number), APP.uid, ahead.ahead);
    const sizes = [...state.observed.values()].map(({ clusters }) => Object.keys(clusters).length);
    expect(sizes).toEqual([SHARD_CLUSTERS_MAX, SHARD_CLUSTERS_MAX, 10]);
    await ingest.noteAhead(id(3), APP.uid, null);
    expect(state.observedOf(APP.uid).get(id(3))).toEqual(seen);
    expect(state.observedOf(APP.uid).size).toBe(count);
  });

  it("is overtaken by what stands beside the entry, in this process and the next", async () => {
    await observe(0, { [id(1)]: ahead, [id(2)]: ahead });
    await state.assigned.write(shardKey(APP.uid, 1), () => ({
      app: APP.uid,
      shard: 1,
      term: 1,
      clusters: { [id(1)]: run(1) },
    }));
    await observe(1, { [id(1)]: seen });
    // Anything that is written to the other shard afterwards says nothing new of the cluster.
    await observe(0, { [id(1)]: ahead, [id(2)]: seen });
    expect(state.observedOf(APP.uid).get(id(1))).toEqual(seen);
    await observe(0, { [id(2)]: seen });
    expect(state.observedOf(APP.uid).get(id(1))).toEqual(seen);
    await observe(0, { [id(1)]: ahead });
    expect((await open()).observedOf(APP.uid).get(id(1))).toEqual(seen);
  });
});
