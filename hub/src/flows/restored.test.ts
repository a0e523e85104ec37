import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { copyStore } from "../testing/copy-store.ts";
import type { FakeAgent } from "../testing/fake-agent.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 5_000, interval: 5 };
const file = (version: string) => ({ "apps/shop/web.yaml": `Deployment web ${version}` });

let fixture: HubFixture;
let eu: FakeAgent;
let us: FakeAgent;

async function atRelease(number: number): Promise<void> {
  await vi.waitFor(async () => {
    const view = await fixture.hub.queries.app(shop);
    expect(view.release?.number).toBe(number);
    expect(view.summary).toMatchObject({ atTarget: 2, healthy: 2 });
  }, soon);
}

/** Yesterday: r1 on both clusters, and a copy of the store. Today: r2, r3. Then the copy takes the store's place. */
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
  fixture.push(file("v1"));
  eu = await fixture.addCluster("eu-1");
  us = await fixture.addCluster("us-1");
  await eu.connect(fixture.hub.gate);
  await us.connect(fixture.hub.gate);
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  await atRelease(1);
  await fixture.hub.settled();
  const copy = await copyStore(fixture.store);
  fixture.push(file("v2"));
  await fixture.wake();
  await atRelease(2);
  fixture.push(file("v3"));
  await fixture.wake();
  await atRelease(3);
  eu.disconnect();
  us.disconnect();
  await fixture.hub.stop();
  await fixture.store.close();
  fixture.store = copy;
});
afterEach(async () => {
  expect([...eu.breaches, ...us.breaches]).toEqual([]);
  await fixture.close();
});

const shopView = () => fixture.hub.queries.app(shop);
const runs = async (agent: FakeAgent): Promise<number | null> => {
  const content = agent.held.get(await fixture.uidOf())?.assignment.content;
  return content?.kind === "run" ? content.release.number : null;
};

describe("a hub restored from yesterday's copy", () => {
  it("leaves agents that are Ahead what they run, and says so", async () => {
    await fixture.startHub();
    const received = eu.received.length;
    await eu.connect(fixture.hub.gate);
    await vi.waitFor(async () => expect((await shopView()).summary.ahead).toBe(1), soon);
    await fixture.hub.settled();
    expect(eu.received).toHaveLength(received);
    expect(eu.ahead).toEqual([await fixture.uidOf()]);
    expect((await fixture.hub.queries.status()).hub.epoch).toBe(2);
    expect(await fixture.hub.queries.why(shop, "eu-1")).toMatchObject({ reason: "Ahead" });
    expect((await fixture.hub.queries.cluster("eu-1")).apps.ahead).toBe(1);
  });

  it("moves nothing by a rollback or a restart alone", async () => {
    await fixture.startHub();
    await eu.connect(fixture.hub.gate);
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBeGreaterThan(1), soon);
    const received = eu.received.length;
    await fixture.hub.commands.rollback(person, {
      project: "default",
      app: "shop",
      to: "r1",
      reason: "x",
      dryRun: false,
    });
    await fixture.hub.settled();
    eu.disconnect();
    await fixture.hub.stop();
    await fixture.startHub();
    await eu.connect(fixture.hub.gate);
    await fixture.hub.settled();
    expect(eu.received).toHaveLength(received);
    expect((await fixture.hub.queries.status()).hub.epoch).toBe(2);
  });

  it("recovers by hand: what the hub knows goes out again, in the new epoch, and to one not seen since", async () => {
    await fixture.startHub();
    await eu.connect(fixture.hub.gate);
    await vi.waitFor(async () => expect((await shopView()).summary.ahead).toBe(1), soon);
    const { recovered } = await fixture.hub.commands.recover(person, { mode: "reassert", reason: "restored" });
    expect(recovered).toEqual([{ app: "default/shop", cluster: "eu-1" }]);
    await vi.waitFor(async () => expect((await shopView()).summary).toMatchObject({ ahead: 0, healthy: 1 }), soon);
    const { mark } = eu.held.get(await fixture.uidOf()) ?? {};
    expect(mark?.epoch.number).toBe(2);
    // us-1 was not there. The whole App was recovered, so it follows when it comes.
    await us.connect(fixture.hub.gate);
    await vi.waitFor(async () => expect((await shopView()).summary).toMatchObject({ ahead: 0, healthy: 2 }), soon);
    expect(us.held.get(await fixture.uidOf())?.mark.epoch.number).toBe(2);
    expect(await fixture.store.documents.list("operations")).toEqual([]);
  });

  it("recovers only the clusters that are named", async () => {
    await fixture.startHub();
    await eu.connect(fixture.hub.gate);
    await us.connect(fixture.hub.gate);
    await vi.waitFor(async () => expect((await shopView()).summary.ahead).toBe(2), soon);
    const received = eu.received.length;
    await fixture.hub.commands.recover(person, { mode: "reassert", reason: "restored", clusters: { names: ["us-1"] } });
    await vi.waitFor(async () => expect((await shopView()).summary).toMatchObject({ ahead: 1, healthy: 1 }), soon);
    expect(eu.received).toHaveLength(received);
  });

  it("recovers by a commit that is newer than the head found at the epoch's first fetch", async () => {
    await fixture.startHub();
    await eu.connect(fixture.hub.gate);
    await us.connect(fixture.hub.gate);
    await vi.waitFor(async () => expect((await shopView()).summary.ahead).toBe(2), soon);
    await vi.waitFor(async () => {
      const stored = await fixture.store.documents.get({ collection: "source-status", key: "default/fleet" });
      expect((stored?.value as { epochHead?: { epoch: number } } | undefined)?.epochHead?.epoch).toBe(2);
    }, soon);
    await fixture.hub.settled();
    fixture.push(file("v4"));
    await fixture.wake();
    await vi.waitFor(async () => {
      const view = await shopView();
      expect(view.summary).toMatchObject({ ahead: 0, healthy: 2, atTarget: 2 });
      expect(await runs(eu)).toBe(view.release?.number);
    }, soon);
  });

  it("does not believe forged or altered proofs", async () => {
    await fixture.startHub();
    const uid = await fixture.uidOf();
    const held = eu.held.get(uid);
    if (held === undefined) throw new Error("eu-1 holds nothing");
    const payload = held.proof.payload.slice();
    payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1;
    const altered = { ...held.proof, payload };
    const high = { ...held.mark, generation: 999 };
    const other = us.held.get(uid);
    if (other === undefined) throw new Error("us-1 holds nothing");
    for (const have of [
      [{ mark: high, proof: held.proof }],
      [{ mark: high, proof: altered }],
      [{ mark: { ...held.mark, epoch: { number: 7, tag: "x" } }, proof: held.proof }],
      // Signed by this hub, for another cluster.
      [{ mark: other.mark, proof: other.proof }],
    ]) {
      eu.held.clear();
      await eu.connect(fixture.hub.gate, { have });
      await vi.waitFor(() => expect(eu.events.at(-1)).toBe("in-sync"), soon);
      expect(eu.ahead).toEqual([]);
    }
    expect((await fixture.hub.queries.status()).hub.epoch).toBe(1);
    expect(eu.received.length).toBeGreaterThan(0);
    eu.breaches.length = 0; // this one was told to forget, so it was given older marks again
  });
});
