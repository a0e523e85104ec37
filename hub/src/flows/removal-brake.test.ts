import { systemClock } from "@muster/shared/system-clock.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FakeAgent } from "../testing/fake-agent.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";
import { mortalStore } from "../testing/mortal-store.ts";

const soon = { timeout: 8_000, interval: 5 };
const PROD = { matchLabels: { tier: "prod" } };
const TYPO = { matchLabels: { tier: "prd" } };

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
});
afterEach(() => fixture.close());

const apply = (over: object, name = "shop", dryRun = false) =>
  fixture.hub.commands.apply(person, [appOf(name, { clusters: PROD, onUnplaced: { grace: "0s" }, ...over })], {
    dryRun,
  });
const shopView = () => fixture.hub.queries.app(shop);
const pending = async () => (await fixture.hub.queries.approvals()).filter(({ state }) => state === "pending");
/** The one approval that waits. */
const asked = () =>
  vi.waitFor(async () => {
    const [first, ...rest] = await pending();
    if (first === undefined || rest.length > 0) throw new Error(`${rest.length} wait besides`);
    return first;
  }, soon);
const relabel = (name: string, tier: string, dryRun = false) =>
  fixture.hub.commands.labelCluster(person, name, { set: { tier }, remove: [] }, { dryRun });
const tombstones = (agents: readonly FakeAgent[]) =>
  agents.flatMap(({ received }) => received).filter(({ content }) => content.kind === "remove");
const grant = (id: string) => fixture.hub.commands.grantApproval(person, id, { reason: "meant" });

/** `count` clusters that run r1 of shop. */
async function deployed(count: number, over: object = {}): Promise<FakeAgent[]> {
  fixture.push({ "apps/shop/web.yaml": "Deployment web v1", "apps/bank/web.yaml": "Deployment bank v1" });
  const agents: FakeAgent[] = [];
  for (let number = 0; number < count; number += 1) {
    const agent = await fixture.addCluster(`c-${number}`, { tier: "prod" });
    await agent.connect(fixture.hub.gate);
    agents.push(agent);
  }
  await fixture.hub.commands.apply(person, [sourceOf()], { dryRun: false });
  await apply(over);
  await vi.waitFor(async () => expect((await shopView()).summary.healthy).toBe(count), soon);
  return agents;
}

describe("a label typo that would unplace 50 clusters", () => {
  beforeEach(() => fixture.startHub());

  it("is told before it is done, stopped, told everywhere, and mended without a trace", async () => {
    const agents = await deployed(50);
    const plan = await apply({ clusters: TYPO }, "shop", true);
    expect(plan.results[0]?.loses).toHaveLength(50);
    expect(plan.waits).toBe("50 placements would go at once, and more than 10 need a person's approval");
    expect(await pending()).toEqual([]);

    expect((await apply({ clusters: TYPO })).waits).toBe(plan.waits);
    const approval = await asked();
    expect(approval).toMatchObject({
      kind: "removal",
      what: "50 clusters would lose default/shop (50 objects)",
      askedBy: person.name,
      pairs: 50,
      apps: [{ app: "default/shop", pairs: 50 }],
    });
    const waits = `50 clusters would lose it: waits for approval ${approval.id}`;
    await vi.waitFor(async () => expect((await shopView()).state).toContain(waits), soon);
    expect(await fixture.hub.queries.why(shop, null)).toMatchObject({
      reason: "RemovalWaits",
      message: expect.stringContaining(`50 clusters would lose default/shop: waits for approval ${approval.id}`),
      next: `muster approval grant ${approval.id}, or deny`,
    });
    expect(await fixture.hub.queries.why(shop, "c-7")).toMatchObject({ reason: "RemovalWaits" });

    await apply({});
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.approval(approval.id)).toMatchObject({
        state: "withdrawn",
        closed: { reason: "Nothing of what it named is to go any more." },
      });
    }, soon);
    expect(await shopView()).toMatchObject({ state: "r1 everywhere", summary: { healthy: 50, atTarget: 50 } });
    await expect(grant(approval.id)).rejects.toThrow(`${approval.id} is withdrawn already`);
    expect(agents.every(({ received, breaches }) => received.length === 1 && breaches.length === 0)).toBe(true);
    expect(await fixture.store.documents.list("approval-pairs")).toEqual([]);
  });

  it("approved, goes with the approval signed into every tombstone, and is used up", async () => {
    const agents = await deployed(50);
    await apply({ clusters: TYPO });
    const { id } = await asked();
    await grant(id);
    await vi.waitFor(() => expect(tombstones(agents)).toHaveLength(50), soon);
    for (const { content } of tombstones(agents)) expect(content).toMatchObject({ removal: { approval: id } });
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.approval(id)).toMatchObject({
        state: "used",
        decided: { by: person.name, reason: "meant" },
      });
    }, soon);
    await fixture.hub.settled();
    const actions = (await fixture.store.journal.read("audit", { after: 0, limit: 1_000 })).map(
      ({ value }) => (value as { action: string }).action,
    );
    for (const action of ["ApprovalAsked", "ApprovalGranted", "ApprovalUsed"]) expect(actions).toContain(action);
  });

  it("denied, stays as it is until the definition changes, and a newer commit does not reach what is not wanted", async () => {
    const agents = await deployed(12);
    await apply({ clusters: TYPO });
    const { id } = await asked();
    await fixture.hub.commands.denyApproval(person, id, { reason: "a typo" });
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.why(shop, "c-3")).toMatchObject({ reason: "RemovalDenied" });
    }, soon);
    await fixture.hub.settled();
    expect([tombstones(agents), await pending()]).toEqual([[], []]);
    await apply({ clusters: { names: ["nowhere"] } });
    expect((await asked()).id).not.toBe(id);
    expect(tombstones(agents)).toEqual([]);
  });

  it("by fifty labels, one after the other, stops as well", async () => {
    const agents = await deployed(50, { onUnplaced: { grace: "10m" } });
    for (let number = 0; number < 50; number += 1) await relabel(`c-${number}`, "prd");
    await vi.waitFor(async () => expect((await asked()).pairs).toBe(50), soon);
    expect(tombstones(agents)).toEqual([]);
    expect(await relabel("c-0", "prod", true)).toMatchObject({ gains: ["default/shop"] });
    // Most of them mended, the rest is few enough, and in its grace.
    for (let number = 0; number < 45; number += 1) await relabel(`c-${number}`, "prod");
    await vi.waitFor(async () => expect(await pending()).toEqual([]), soon);
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.why(shop, "c-49")).toMatchObject({ reason: "RemovalInGrace" });
    }, soon);
    expect(tombstones(agents)).toEqual([]);
  });

  it("without any grace, lets no more than the guard go", async () => {
    const agents = await deployed(30);
    for (let number = 0; number < 30; number += 1) await relabel(`c-${number}`, "prd");
    await vi.waitFor(async () => expect((await asked()).pairs).toBeGreaterThanOrEqual(20), soon);
    await fixture.hub.settled();
    expect(tombstones(agents).length).toBeLessThanOrEqual(10);
    expect(await relabel("c-0", "prod", true)).not.toHaveProperty("waits");
  });

  it("that takes more while a person thinks needs another approval", async () => {
    await deployed(14);
    for (let number = 0; number < 12; number += 1) await relabel(`c-${number}`, "prd");
    const first = await vi.waitFor(async () => {
      const one = await asked();
      await fixture.hub.settled();
      return one;
    }, soon);
    await relabel("c-12", "prd");
    await vi.waitFor(async () => expect((await asked()).id).not.toBe(first.id), soon);
    await expect(grant(first.id)).rejects.toMatchObject({ code: "conflict" });
  });

  it("does not hold up another App, nor one cluster", async () => {
    const agents = await deployed(12);
    await fixture.hub.commands.apply(person, [appOf("bank", { clusters: PROD, onUnplaced: { grace: "0s" } })], {
      dryRun: false,
    });
    const bank = { project: "default", name: "bank" };
    await vi.waitFor(async () => expect((await fixture.hub.queries.app(bank)).summary.healthy).toBe(12), soon);
    await apply({ clusters: TYPO });
    await asked();
    await apply({ clusters: { ...PROD, exclude: { names: ["c-3"] } } }, "bank");
    await vi.waitFor(() => expect(tombstones(agents).map(({ app }) => app.name)).toEqual(["bank"]), soon);
  });
});

describe("a deleted App", () => {
  beforeEach(() => fixture.startHub());

  it("on many clusters waits for a person, though it was deleted by one", async () => {
    const agents = await deployed(12);
    expect(await fixture.hub.commands.deleteApp(person, shop)).toMatchObject({ waits: expect.stringContaining("12") });
    const { id, what } = await asked();
    expect(what).toBe("default/shop would be deleted from 12 clusters (12 objects)");
    await fixture.hub.settled();
    expect(tombstones(agents)).toEqual([]);
    expect(await shopView()).toMatchObject({ deleting: true });
    await grant(id);
    await vi.waitFor(async () => expect(await fixture.store.documents.list("intents")).toEqual([]), soon);
    expect(tombstones(agents)).toHaveLength(12);
    await vi.waitFor(async () => expect(await fixture.hub.queries.approval(id)).toMatchObject({ state: "used" }), soon);
  });

  it("that is made again needs no approval any more: its heir owns the objects", async () => {
    const agents = await deployed(12);
    await fixture.hub.commands.deleteApp(person, shop);
    const { id } = await asked();
    await apply({});
    await vi.waitFor(() => expect(tombstones(agents)).toHaveLength(12), soon);
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.approval(id)).toMatchObject({ state: "withdrawn" });
      expect(await fixture.store.documents.list("intents")).toHaveLength(1);
    }, soon);
    expect(await shopView()).toMatchObject({ state: "r1 everywhere", summary: { healthy: 12 } });
  });

  it("of many objects waits, on one cluster too", async () => {
    const agents = await deployed(1);
    for (const agent of agents) {
      agent.report = () => ({ counts: { objects: 21, synced: 21, healthy: 21, pruned: 0 } });
      agent.disconnect();
      await agent.connect(fixture.hub.gate);
    }
    await vi.waitFor(async () => expect((await shopView()).placements[0]?.observed?.objects).toBe(21), soon);
    expect(await fixture.hub.commands.deleteApp(person, shop)).toEqual({
      waits: "21 objects would be deleted, and more than 20 need a person's approval",
    });
    await asked();
    expect(tombstones(agents)).toEqual([]);
  });
});

describe("the grace of a cluster that leaves", () => {
  /** The store's own clock is the system's: leases are taken by it. */
  const clock = () => new FakeClock(systemClock.now());

  it("ends when it is over, whatever was restarted meanwhile, and not before", async () => {
    const time = clock();
    await fixture.startHub({ over: { clock: time } });
    const agents = await deployed(2, { onUnplaced: { grace: "10m" } });
    await relabel("c-0", "dev");
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.why(shop, "c-0")).toMatchObject({ reason: "RemovalInGrace" });
      expect(JSON.stringify(await fixture.store.documents.list("assigned"))).toContain('"leaving"');
    }, soon);
    await time.advance(6 * 60_000);
    await fixture.hub.stop();

    const later = new FakeClock(time.now());
    await fixture.startHub({ over: { clock: later } });
    for (const agent of agents) await agent.connect(fixture.hub.gate);
    await later.advance(3 * 60_000);
    await fixture.hub.settled();
    expect(tombstones(agents)).toEqual([]);
    await later.advance(60_000);
    await vi.waitFor(() => expect(tombstones(agents)).toHaveLength(1), soon);
    expect(agents.flatMap(({ breaches }) => breaches)).toEqual([]);
  });

  it("ends in silence when the cluster is wanted again", async () => {
    const time = clock();
    await fixture.startHub({ over: { clock: time } });
    const agents = await deployed(1, { onUnplaced: { grace: "10m" } });
    await relabel("c-0", "dev");
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.why(shop, "c-0")).toMatchObject({ reason: "RemovalInGrace" });
    }, soon);
    await relabel("c-0", "prod");
    await fixture.hub.settled();
    await time.advance(20 * 60_000);
    await fixture.hub.settled();
    expect(agents[0]?.received).toHaveLength(1);
    expect(JSON.stringify(await fixture.store.documents.list("assigned"))).not.toContain('"leaving"');
  });
});

describe("a Release that drops many objects", () => {
  const objects = (count: number, over = "") => ({
    "apps/shop/web.yaml": Array.from({ length: count }, (_, number) => `ConfigMap c-${number}`).join("\n") + over,
  });
  const push = async (files: Record<string, string>) => {
    fixture.push(files);
    await fixture.wake();
  };
  /** Two clusters that run r2 with forty objects. */
  async function running() {
    await fixture.startHub();
    const agents = await deployed(2);
    await push(objects(40));
    await vi.waitFor(async () => expect(await shopView()).toMatchObject({ state: "r2 everywhere" }), soon);
    return agents;
  }
  const releaseOf = (agent: FakeAgent | undefined) => {
    const content = agent?.received.at(-1)?.content;
    return content?.kind === "run" ? content.release.number : null;
  };

  it("is held, told, and rolled out with the approval that was given", async () => {
    const agents = await running();
    await push(objects(19));
    const approval = await asked();
    expect(approval).toMatchObject({
      kind: "prune",
      what: "r3 of default/shop would delete 21 of 40 objects on 2 clusters",
      apps: [{ app: "default/shop", pairs: 2, objects: 42, clusters: ["c-0", "c-1"] }],
    });
    await vi.waitFor(async () => {
      expect(await shopView()).toMatchObject({
        state: `r3 waits for approval ${approval.id}`,
        summary: { atTarget: 2 },
      });
    }, soon);
    expect(await fixture.hub.queries.why(shop, null)).toMatchObject({
      reason: "RemovalNeedsApproval",
      message: expect.stringContaining("R3 drops 21 of 40 objects, and more than 20 need a person's approval"),
    });
    await fixture.hub.settled();
    expect(agents.map(releaseOf)).toEqual([2, 2]);
    await grant(approval.id);
    await vi.waitFor(async () => expect(await shopView()).toMatchObject({ state: "r3 everywhere" }), soon);
    for (const { received } of agents)
      expect(received.at(-1)?.content).toMatchObject({ removal: { approval: approval.id } });
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.approval(approval.id)).toMatchObject({ state: "used" });
    }, soon);
  });

  it("is overtaken by one that keeps them, and its approval withdrawn", async () => {
    const agents = await running();
    await push(objects(19));
    const { id } = await asked();
    await push(objects(40, "\nConfigMap more"));
    await vi.waitFor(async () => expect(await shopView()).toMatchObject({ state: "r4 everywhere" }), soon);
    expect(agents.flatMap(({ received }) => received.map(({ content }) => content))).not.toContainEqual(
      expect.objectContaining({ release: expect.objectContaining({ number: 3 }) }),
    );
    await vi.waitFor(
      async () => expect(await fixture.hub.queries.approval(id)).toMatchObject({ state: "withdrawn" }),
      soon,
    );
  });

  it("denied, stays back, also after a restart", async () => {
    const agents = await running();
    await push(objects(19));
    const { id } = await asked();
    await fixture.hub.commands.denyApproval(person, id, { reason: "no" });
    await fixture.hub.stop();
    await fixture.startHub();
    await fixture.hub.settled();
    await vi.waitFor(async () => expect((await shopView()).state).toContain("r3 was denied"), soon);
    expect([agents.map(releaseOf), await pending()]).toEqual([[2, 2], []]);
  });

  it("goes unasked when it drops as many as may go, or when nothing is pruned", async () => {
    const agents = await running();
    await push(objects(20));
    await vi.waitFor(() => expect(agents.map(releaseOf)).toEqual([3, 3]), soon);
    await apply({ sync: { prune: false } });
    await vi.waitFor(() => expect(agents.map(releaseOf)).toEqual([4, 4]), soon);
    await push({ "apps/shop/web.yaml": "Deployment web" });
    await vi.waitFor(() => expect(agents.map(releaseOf)).toEqual([5, 5]), soon);
  });
});

describe("what an agent refuses to delete", () => {
  beforeEach(() => fixture.startHub());

  /** An agent that counts more than it may delete, until the assignment carries an approval. */
  const refusing: FakeAgent["report"] = ({ content }) => {
    if (content.removal?.approval != null) return {};
    const problems = [{ code: "RemovalNeedsApproval" as const, message: "30 objects would be deleted", where: {} }];
    return content.kind === "run" ? { sync: "OutOfSync", problems } : { phase: "Failed", problems };
  };
  const refuse = async (agent: FakeAgent | undefined) => {
    if (agent === undefined) throw new Error("no such agent");
    agent.report = refusing;
    agent.disconnect();
    await agent.connect(fixture.hub.gate);
  };

  it("by a Release waits for a person, and is assigned again with the approval", async () => {
    const [first, second] = await deployed(2);
    await refuse(first);
    const { id, what, kind } = await asked();
    expect([kind, what]).toEqual([
      "agent",
      "c-0 holds back deletions of default/shop: more objects than may go unasked",
    ]);
    await refuse(second);
    await vi.waitFor(async () => expect((await asked()).apps[0]?.clusters).toEqual(["c-0", "c-1"]), soon);
    const both = await asked();
    expect(both.id).not.toBe(id);
    await grant(both.id);
    await vi.waitFor(() => {
      for (const agent of [first, second]) {
        expect(agent?.received.at(-1)?.content).toMatchObject({ kind: "run", removal: { approval: both.id } });
      }
    }, soon);
    await vi.waitFor(
      async () => expect(await fixture.hub.queries.approval(both.id)).toMatchObject({ state: "used" }),
      soon,
    );
    await fixture.hub.settled();
    expect([first?.received.length, await pending(), first?.breaches]).toEqual([2, [], []]);
  });

  it("by a tombstone waits for a person, and is gone with the approval", async () => {
    const [agent] = await deployed(1);
    if (agent) agent.report = refusing;
    await fixture.hub.commands.deleteApp(person, shop);
    const { id } = await asked();
    await fixture.hub.settled();
    expect(tombstones([agent as FakeAgent])).toHaveLength(1);
    await grant(id);
    await vi.waitFor(async () => expect(await fixture.store.documents.list("intents")).toEqual([]), soon);
    expect(tombstones([agent as FakeAgent]).at(-1)?.content).toMatchObject({ removal: { approval: id } });
  });

  it("and a person denied, is not asked again", async () => {
    const [agent] = await deployed(1);
    await refuse(agent);
    const { id } = await asked();
    await fixture.hub.commands.denyApproval(person, id, { reason: "no" });
    await fixture.hub.settled();
    expect([await pending(), agent?.received.length]).toEqual([[], 1]);
    await apply({ onUnplaced: { grace: "1m" } });
    expect((await asked()).id).not.toBe(id);
  });
});

describe("a hub that is killed", () => {
  it.each(["before", "after"] as const)(
    "at any write (%s it takes effect), lets nothing go unapproved, and goes on with what was approved",
    async (when) => {
      for (let write = 1; write < 60; write += 1) {
        await fixture.close();
        fixture = await HubFixture.create();
        await fixture.startHub();
        const agents = await deployed(11);
        for (const agent of agents) agent.disconnect();
        await fixture.hub.stop();

        const mortal = mortalStore(fixture.store, write, when);
        await fixture.startHub({ wrap: () => mortal.store }).catch(() => {});
        const alive = async (step: () => Promise<unknown>) => {
          if (!mortal.isDead)
            await step().catch((error: unknown) => expect([mortal.isDead, error]).toEqual([true, error]));
        };
        await alive(() => apply({ clusters: TYPO }));
        await alive(() =>
          vi.waitFor(async () => expect(mortal.isDead || (await pending()).length === 1).toBe(true), soon),
        );
        await alive(async () => grant((await asked()).id));
        await alive(() => fixture.hub.settled());
        await fixture.hub.stop().catch(() => {});

        await fixture.startHub();
        for (const agent of agents) await agent.connect(fixture.hub.gate);
        await apply({ clusters: TYPO });
        await fixture.hub.settled();
        const granted = (await fixture.hub.queries.approvals()).some(
          ({ state }) => state === "granted" || state === "used",
        );
        if (!granted) {
          expect(tombstones(agents)).toEqual([]);
          await grant((await asked()).id);
        }
        await vi.waitFor(() => expect(tombstones(agents)).toHaveLength(11), soon);
        expect(agents.flatMap(({ breaches }) => breaches)).toEqual([]);
        if (mortal.writes < write) return;
      }
      throw new Error("more writes than this small story can have");
    },
    120_000,
  );
});
