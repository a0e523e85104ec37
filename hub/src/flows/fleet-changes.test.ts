import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const GOOD = { "apps/shop/web.yaml": "Deployment web v1" };
const BETTER = { "apps/shop/web.yaml": "Deployment web v2" };
const soon = { timeout: 5_000, interval: 5 };

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
});
afterEach(() => fixture.close());

/** One cluster that runs r1 of shop. */
async function deployed(files: Record<string, string> = GOOD) {
  fixture.push(files);
  const agent = await fixture.addCluster("eu-1");
  await agent.connect(fixture.hub.gate);
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  await vi.waitFor(async () => expect((await shopView()).summary.healthy).toBe(1), soon);
  return { agent, uid: await fixture.uidOf() };
}
const shopView = () => fixture.hub.queries.app(shop);

/** Until the newest Release is `number` and the App is Healthy at its target everywhere. */
async function released(number: number) {
  await vi.waitFor(async () => {
    const view = await shopView();
    expect(view.release?.number).toBe(number);
    expect(view.summary).toMatchObject({ atTarget: view.summary.clusters, healthy: view.summary.clusters });
  }, soon);
}

describe("a cluster's own record", () => {
  it("takes any number of changes, each of which is told", async () => {
    const { commands } = fixture.hub;
    for (let round = 0; round < 60; round += 1) {
      await commands.registerCluster(person, { name: "eu-1", labels: {} });
      await commands.labelCluster(person, "eu-1", { set: { round: `${round}` }, remove: [] }, { dryRun: false });
    }
    await commands.removeCluster(person, "eu-1");
    await vi.waitFor(async () => expect(await fixture.store.journal.head("audit")).toBeGreaterThan(120), soon);
    await fixture.hub.sweep();
    expect(await fixture.store.documents.list("clusters")).toEqual([]);
  });
});

describe("an identity that was superseded", () => {
  it("ends the sessions of the former key, a stand-by's too", async () => {
    const { agent } = await deployed();
    const standBy = await fixture.addCluster("us-1");
    await standBy.connect(fixture.hub.gate, { isActing: false });
    for (const former of [agent, standBy]) {
      const key = { collection: "clusters", key: former.cluster };
      const stored = await fixture.store.documents.get(key);
      const record = stored?.value as unknown as { changes: number; identity: object };
      const identity = { ...record.identity, publicKey: `sha256:${"ab".repeat(32)}` };
      const next = { ...record, changes: record.changes + 1, identity };
      await fixture.store.documents.put(key, next, { ifVersion: stored?.version ?? null });
    }
    await vi.waitFor(() => {
      for (const former of [agent, standBy]) {
        expect(former.refusal).toMatchObject({ code: "forbidden", message: expect.stringContaining("superseded") });
      }
    }, soon);
    expect(await agent.connect(fixture.hub.gate)).toBe(false);
  });
});

describe("placement and deletion", () => {
  it("sends a tombstone to a cluster that leaves, and comes back above it", async () => {
    const { agent, uid } = await deployed();
    const only = appOf("shop", { clusters: { matchLabels: { tier: "prod" } }, onUnplaced: { grace: "0s" } });
    const result = await fixture.hub.commands.apply(person, [only], { dryRun: true });
    expect(result.results[0]).toMatchObject({ outcome: "changed", loses: ["eu-1"], gains: [] });
    await fixture.hub.commands.apply(person, [only], { dryRun: false });
    await vi.waitFor(
      () => expect(agent.held.get(uid)?.assignment.content).toMatchObject({ kind: "remove", action: "delete" }),
      soon,
    );
    await fixture.hub.settled();
    await fixture.hub.commands.labelCluster(person, "eu-1", { set: { tier: "prod" }, remove: [] }, { dryRun: false });
    await vi.waitFor(() => expect(agent.digestOf(uid)).not.toBeNull(), soon);
    expect(agent.breaches).toEqual([]);
  });

  it("tells which Apps a change of labels moves, before and after it", async () => {
    await deployed();
    const { commands } = fixture.hub;
    const [prod, test] = ["prod", "test"].map((tier) => appOf("shop", { clusters: { matchLabels: { tier } } }));
    const set = (tier: string, dryRun: boolean) =>
      commands.labelCluster(person, "eu-1", { set: { tier }, remove: [] }, { dryRun });
    await set("prod", false);
    await commands.apply(person, [prod], { dryRun: false });
    const moves = { gains: [], loses: ["default/shop"] };
    expect(await set("test", true)).toMatchObject({
      ...moves,
      deletes: true,
      labels: { tier: "prod" },
      dryRun: true,
    });
    expect((await fixture.hub.queries.cluster("eu-1")).labels).toMatchObject({ tier: "prod" });
    expect(await set("test", false)).toMatchObject({ ...moves, labels: { tier: "test" }, dryRun: false });
    await commands.apply(person, [test], { dryRun: false });
    expect(await set("test", true)).toMatchObject({ gains: [], loses: [] });
    expect(await set("test", true)).not.toHaveProperty("deletes");
  });

  it("tells that objects stay where an App that leaves keeps them", async () => {
    await deployed();
    const { commands } = fixture.hub;
    const onUnplaced = { action: "keep" };
    await commands.apply(person, [appOf("shop", { onUnplaced })], { dryRun: false });
    const none = appOf("shop", { onUnplaced, clusters: { matchLabels: { tier: "none" } } });
    const plan = await commands.apply(person, [none], { dryRun: true });
    expect(plan.results[0]).toMatchObject({ loses: ["eu-1"], deletes: false });
  });

  it("is gone when every cluster confirmed, and made again it is another App", async () => {
    const { agent, uid } = await deployed();
    agent.disconnect();
    await fixture.hub.commands.deleteApp(person, shop);
    await fixture.hub.settled();
    expect(await shopView()).toMatchObject({ deleting: true });
    await agent.connect(fixture.hub.gate);
    await vi.waitFor(async () => expect((await fixture.hub.queries.apps()).length).toBe(0), soon);
    await vi.waitFor(async () => expect(await fixture.store.documents.list("intents")).toEqual([]), soon);
    await fixture.hub.commands.apply(person, [appOf()], { dryRun: false });
    await vi.waitFor(async () => expect((await shopView()).summary.healthy).toBe(1), soon);
    expect(await fixture.uidOf()).not.toBe(uid);
    expect(agent.held.get(await fixture.uidOf())?.assignment.content.kind).toBe("run");
  });

  it("tells both stories when an App is made again before the old one is gone", async () => {
    const { agent, uid } = await deployed();
    agent.disconnect();
    await fixture.hub.commands.deleteApp(person, shop);
    await fixture.hub.commands.apply(person, [appOf()], { dryRun: false });
    await fixture.hub.settled();
    await agent.connect(fixture.hub.gate);
    const fresh = await fixture.uidOf();
    await vi.waitFor(() => expect(agent.held.get(fresh)?.assignment.content.kind).toBe("run"), soon);
    expect(agent.held.get(uid)?.assignment.content.kind).toBe("remove");
  });

  it("gives a removed cluster nothing", async () => {
    const { agent } = await deployed();
    await fixture.hub.commands.removeCluster(person, "eu-1");
    expect(agent.refusal).toMatchObject({ code: "forbidden" });
    expect(await agent.connect(fixture.hub.gate)).toBe(false);
    const received = agent.received.length;
    fixture.push(BETTER);
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(2), soon);
    await fixture.hub.settled();
    expect(agent.received).toHaveLength(received);
    await vi.waitFor(async () => {
      await fixture.hub.sweep();
      expect(await fixture.store.documents.list("clusters")).toEqual([]);
    }, soon);
    for (const ofCluster of ["report-details", "cluster-names", "presence"]) {
      expect(await fixture.store.documents.list(ofCluster)).toEqual([]);
    }
  });
});

describe("a fleet that was emptied", () => {
  it("takes new clusters: what was swept leaves nothing in the way", async () => {
    const { uid } = await deployed();
    await fixture.hub.commands.removeCluster(person, "eu-1");
    await vi.waitFor(async () => {
      await fixture.hub.sweep();
      expect(await fixture.store.documents.list("clusters")).toEqual([]);
    }, soon);
    await fixture.hub.sweep();
    const next = await fixture.addCluster("eu-2");
    await next.connect(fixture.hub.gate);
    await vi.waitFor(() => expect(next.digestOf(uid)).not.toBeNull(), soon);
  });

  it("is forgotten whole when its App is deleted", async () => {
    await deployed();
    await fixture.hub.commands.removeCluster(person, "eu-1");
    await fixture.hub.sweep();
    await fixture.hub.sweep();
    await fixture.hub.commands.deleteApp(person, shop);
    await vi.waitFor(async () => {
      for (const kept of ["intents", "assigned", "releases", "observed"]) {
        expect(await fixture.store.documents.list(kept)).toEqual([]);
      }
    }, soon);
  });
});

describe("sessions", () => {
  it("sends a reconnecting agent only what differs", async () => {
    const { agent, uid } = await deployed();
    agent.disconnect();
    const received = agent.received.length;
    await agent.connect(fixture.hub.gate);
    await vi.waitFor(() => expect(agent.events.at(-1)).toBe("in-sync"), soon);
    expect(agent.received).toHaveLength(received);
    agent.disconnect();
    fixture.push(BETTER);
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(2), soon);
    await fixture.hub.settled();
    await agent.connect(fixture.hub.gate);
    await vi.waitFor(() => expect(agent.received).toHaveLength(received + 1), soon);
    expect(agent.held.get(uid)?.assignment.content).toMatchObject({ release: { number: 2 } });
  });

  it("sends a stand-by nothing until it acts, and ends the session that acted before", async () => {
    const { agent } = await deployed();
    const { FakeAgent } = await import("../testing/fake-agent.ts");
    const second = new FakeAgent(agent.cluster, agent.clusterUid, agent.publicKey);
    await second.connect(fixture.hub.gate, { isActing: false, instance: "second" });
    expect(second.received).toEqual([]);
    second.setActing(true);
    await vi.waitFor(() => expect(second.received).toHaveLength(1), soon);
    expect(agent.refusal).toMatchObject({ code: "Superseded" });
    second.disconnect();
  });

  it("refuses another cluster's uid, and a protocol it does not speak", async () => {
    const { agent } = await deployed();
    expect(await agent.connect(fixture.hub.gate, { clusterUid: "uid-of-another" })).toBe(false);
    expect(await agent.connect(fixture.hub.gate, { protocol: { min: 7, max: 9 } })).toBe(false);
    expect(agent.refusal).toMatchObject({ code: "ProtocolUnsupported" });
  });

  it("serves a bundle only to clusters that it is or was assigned to", async () => {
    const { agent, uid } = await deployed();
    await fixture.hub.commands.apply(person, [appOf("shop", { clusters: { names: ["eu-1"] } })], { dryRun: false });
    const other = await fixture.addCluster("us-1");
    const digest = agent.digestOf(uid) as never;
    const peer = { clusterId: agent.cluster, clusterUid: agent.clusterUid, publicKey: agent.publicKey };
    const opened = await fixture.hub.gate.openBundle({ ...peer, certificateSerial: "1", address: "" }, digest);
    expect(new TextDecoder().decode(await opened?.read(0, 17))).toBe("Deployment web v1");
    const stranger = { clusterId: other.cluster, clusterUid: other.clusterUid, publicKey: other.publicKey };
    expect(await fixture.hub.gate.openBundle({ ...stranger, certificateSerial: "1", address: "" }, digest)).toBeNull();
    fixture.push(BETTER);
    await fixture.wake();
    await vi.waitFor(() => expect(agent.digestOf(uid)).not.toBe(digest), soon);
    expect(await fixture.hub.gate.openBundle({ ...peer, certificateSerial: "1", address: "" }, digest)).not.toBeNull();
  });

  it("ignores reports of Apps that the cluster was not assigned", async () => {
    const { agent } = await deployed();
    const { reportOf } = await import("../testing/fake-agent.ts");
    const [assignment] = agent.received;
    if (assignment === undefined) throw new Error("nothing received");
    await agent.send(reportOf({ ...assignment, app: { ...assignment.app, uid: "made-up" as never } }));
    expect(await fixture.store.documents.list("report-details")).toHaveLength(1);
  });
});

describe("audit", () => {
  it("has an entry for every change, by whom", async () => {
    const { uid } = await deployed();
    fixture.push(BETTER);
    await fixture.wake();
    await released(2);
    await fixture.hub.commands.rollback(person, {
      project: "default",
      app: "shop",
      to: "r1",
      reason: "x",
      dryRun: false,
    });
    await fixture.hub.commands.labelCluster(person, "eu-1", { set: { a: "b" }, remove: [] }, { dryRun: false });
    await fixture.hub.commands.deleteApp(person, shop);
    const actions = await vi.waitFor(async () => {
      const read = await fixture.store.journal.read("audit", { after: 0, limit: 100 });
      const found = read.map(({ value }) => (value as { action: string }).action);
      expect(found).toContain("DefinitionDeleted");
      return found;
    }, soon);
    expect(actions).toEqual(
      expect.arrayContaining([
        "EpochBegan",
        "ClusterRegistered",
        "ClusterLabelled",
        "DefinitionCreated",
        "AppAdvanced",
        "AppRolledBack",
        "AppDeleted",
      ]),
    );
    expect(uid).not.toBe("");
  });
});
