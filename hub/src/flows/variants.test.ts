import type { AppUid } from "@muster/shared/model/ids.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FakeAgent } from "../testing/fake-agent.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 8_000, interval: 10 };
const CHART = { "apps/shop/Chart.yaml": "Chart shop", "apps/shop/templates/web.yaml": "Deployment web" };
const eu = { matchLabels: { region: "eu" } };
const replicas = {
  render: { helm: { set: { replicas: "1" } } },
  overrides: [{ clusters: eu, helm: { set: { replicas: "6" } } }],
};
const perRegion = { name: "fleet", path: "apps/${cluster.labels.region}" };

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
});
afterEach(() => fixture.close());

const apply = (...definitions: object[]) => fixture.hub.commands.apply(person, definitions, { dryRun: false });
const releases = () => fixture.hub.queries.releases(shop);
const newest = async () => (await releases())[0];

async function cluster(name: string, region: string): Promise<FakeAgent> {
  const agent = await fixture.addCluster(name, { region });
  await agent.connect(fixture.hub.gate);
  return agent;
}

/** The digest of the bundle that the fake renderer and bundler make of the chart with these values. */
async function linesOf(agent: FakeAgent, uid: AppUid): Promise<string[]> {
  const digest = agent.digestOf(uid);
  const bytes = digest === null ? null : await fixture.store.blobs.get(digest);
  return new TextDecoder().decode(bytes ?? new Uint8Array()).split("\n");
}

async function deployed(over: object, agents: readonly FakeAgent[]): Promise<AppUid> {
  await apply(sourceOf(), appOf("shop", over));
  await vi.waitFor(async () => expect(await newest()).toBeDefined(), soon);
  const uid = await fixture.uidOf();
  await vi.waitFor(() => {
    for (const agent of agents) expect(agent.digestOf(uid)).not.toBeNull();
  }, soon);
  return uid;
}

describe("clusters that differ", () => {
  it("get their own bundles, and those with equal inputs share one render", async () => {
    fixture.push(CHART);
    const agents = [await cluster("eu-1", "eu"), await cluster("us-1", "us"), await cluster("us-2", "us")];
    const [inEurope, inAmerica, alsoThere] = agents as [FakeAgent, FakeAgent, FakeAgent];
    const uid = await deployed(replicas, agents);
    expect(await linesOf(inEurope, uid)).toContain("Value replicas=6");
    expect(await linesOf(inAmerica, uid)).toContain("Value replicas=1");
    expect(alsoThere.digestOf(uid)).toBe(inAmerica.digestOf(uid));
    expect(fixture.helm.renders).toBe(2);
    expect(await newest()).toMatchObject({ number: 1, variants: 2, digest: null, cause: { kind: "commit" } });
  });

  it("are told of by name when one's render fails, and nothing moves anywhere", async () => {
    fixture.push(CHART);
    const europe = await cluster("eu-1", "eu");
    const america = await cluster("us-1", "us");
    await deployed(replicas, [europe, america]);
    const broken = { ...replicas, overrides: [{ clusters: eu, path: "apps/${cluster.labels.regoin}" }] };
    await apply(appOf("shop", broken));
    await vi.waitFor(async () => {
      const { problems } = await fixture.hub.queries.app(shop);
      expect(problems[0]).toMatchObject({ code: "UnknownVariable", where: { cluster: "eu-1" } });
    }, soon);
    await fixture.hub.settled();
    expect(await releases()).toHaveLength(1);
  });

  it("do not move when only another's variant changed", async () => {
    fixture.push({ ...CHART, "apps/shop/eu.yaml": "Value zone=a" });
    const europe = await cluster("eu-1", "eu");
    const america = await cluster("us-1", "us");
    const over = { overrides: [{ clusters: eu, namespace: "shop-eu" }], render: { helm: {} } };
    const uid = await deployed(over, [europe, america]);
    const before = america.received.length;
    await apply(appOf("shop", { ...over, overrides: [{ clusters: eu, namespace: "shop-europe" }] }));
    await vi.waitFor(async () => expect((await newest())?.number).toBe(2), soon);
    await vi.waitFor(
      () => expect(europe.received.at(-1)).toMatchObject({ content: { destination: { namespace: "shop-europe" } } }),
      soon,
    );
    await fixture.hub.settled();
    expect(america.received).toHaveLength(before);
    expect(america.digestOf(uid)).not.toBeNull();
    await vi.waitFor(async () => {
      expect((await fixture.hub.queries.app(shop)).summary).toMatchObject({ clusters: 2, atTarget: 2 });
    }, soon);
  });
});

describe("a cluster whose labels change", () => {
  it("gets another variant, as a Release that says why", async () => {
    fixture.push(CHART);
    const agent = await cluster("one", "us");
    const other = await cluster("two", "us");
    const uid = await deployed(replicas, [agent, other]);
    await fixture.hub.commands.labelCluster(person, "one", { set: { region: "eu" }, remove: [] }, { dryRun: false });
    await vi.waitFor(async () => expect(await newest()).toMatchObject({ number: 2, cause: { kind: "cluster" } }), soon);
    await vi.waitFor(async () => expect(await linesOf(agent, uid)).toContain("Value replicas=6"), soon);
    expect(await linesOf(other, uid)).toContain("Value replicas=1");
  });
});

describe("a cluster that joins later", () => {
  it("gets its own variant of the Release in force, which is no new Release", async () => {
    fixture.push(CHART);
    const uid = await deployed(replicas, [await cluster("us-1", "us")]);
    const late = await cluster("eu-9", "eu");
    await vi.waitFor(async () => expect(await linesOf(late, uid)).toContain("Value replicas=6"), soon);
    expect(await releases()).toHaveLength(1);
  });

  it("never gets what all others get where an override is for it, however new that is", async () => {
    fixture.push(CHART);
    const uid = await deployed({ render: { helm: { set: { replicas: "1" } } } }, [await cluster("us-1", "us")]);
    await apply(appOf("shop", replicas));
    await vi.waitFor(async () => expect((await fixture.hub.queries.app(shop)).problems).toEqual([]), soon);
    await fixture.hub.settled();
    const late = await cluster("eu-9", "eu");
    await vi.waitFor(async () => expect(await linesOf(late, uid)).toContain("Value replicas=6"), soon);
    const digests = late.received.map(({ content }) => (content.kind === "run" ? content.bundle.digest : null));
    expect(new Set(digests)).toEqual(new Set([late.digestOf(uid)]));
  });

  it("keeps no commit from the others while its own variant cannot be made", async () => {
    fixture.push({ "apps/eu/Chart.yaml": "Chart shop", "apps/eu/web.yaml": "Deployment web v1" });
    const europe = await cluster("eu-1", "eu");
    const uid = await deployed({ render: { helm: {} }, source: perRegion }, [europe]);
    const stray = await fixture.addCluster("stray");
    await stray.connect(fixture.hub.gate);
    await fixture.hub.settled();
    fixture.push({ "apps/eu/Chart.yaml": "Chart shop", "apps/eu/web.yaml": "Deployment web v2" });
    await fixture.wake();
    await vi.waitFor(async () => expect(await linesOf(europe, uid)).toContain("Deployment web v2"), soon);
    const { problems, notices } = await fixture.hub.queries.app(shop);
    expect(problems).toEqual([]);
    expect(notices?.[0]).toMatchObject({ code: "UnknownVariable", message: expect.stringMatching(/^On stray: /) });
    await fixture.hub.commands.labelCluster(person, "stray", { set: { region: "eu" }, remove: [] }, { dryRun: false });
    await vi.waitFor(async () => expect(await linesOf(stray, uid)).toContain("Deployment web v2"), soon);
    await vi.waitFor(async () => expect((await fixture.hub.queries.app(shop)).notices).toEqual([]), soon);
  });

  it("gets a pinned Release as it was frozen, whatever Git says now", async () => {
    fixture.push(CHART);
    const uid = await deployed(replicas, [await cluster("us-1", "us")]);
    fixture.push({ ...CHART, "apps/shop/templates/web.yaml": "Deployment web v2" });
    await fixture.wake();
    await vi.waitFor(async () => expect((await newest())?.number).toBe(2), soon);
    const back = { project: "default", app: "shop", to: "r1", reason: "errors", dryRun: false };
    await fixture.hub.commands.rollback(person, back);
    const late = await cluster("eu-9", "eu");
    await vi.waitFor(async () => expect(await linesOf(late, uid)).toContain("Value replicas=6"), soon);
    expect(await linesOf(late, uid)).toContain("Deployment web");
  });
});

it("renders nothing after a restart when nothing has changed", async () => {
  fixture.push(CHART);
  const uid = await deployed(replicas, [await cluster("us-1", "us")]);
  const rendered = fixture.helm.renders;
  await fixture.hub.stop();
  await fixture.startHub();
  await fixture.wake();
  await vi.waitFor(
    async () =>
      expect((await fixture.hub.queries.source({ project: "default", name: "fleet" })).lastChecked).not.toBeNull(),
    soon,
  );
  await fixture.hub.settled();
  expect(fixture.helm.renders).toBe(rendered);
  expect((await fixture.hub.queries.app(shop)).uid).toBe(uid);
});

it("renders an App again when a file changes in another Source that its values come from", async () => {
  fixture.push(CHART);
  const url = "https://git.example.com/env.git";
  fixture.git.push(url, { "prod.yaml": "Value tier=one" });
  const agent = await cluster("us-1", "us");
  await apply({ ...sourceOf({ git: { url } }), metadata: { name: "env" } });
  const uid = await deployed({ render: { helm: { values: [{ source: "env", path: "prod.yaml" }] } } }, [agent]);
  expect(await linesOf(agent, uid)).toContain("Value tier=one");
  fixture.git.push(url, { "prod.yaml": "Value tier=two" });
  await fixture.hub.commands.wakeSource({ project: "default", name: "env" });
  await vi.waitFor(async () => expect(await linesOf(agent, uid)).toContain("Value tier=two"), soon);
});

it("takes manifests from an OCI artifact like those of a commit", async () => {
  const url = "oci://registry.example.com/shop";
  const revision = fixture.artifacts.push(url, "stable", { "apps/shop/web.yaml": "Deployment web v1" });
  const agent = await cluster("us-1", "us");
  const source = { ...sourceOf(), spec: { oci: { url, ref: { tag: "stable" } }, poll: "1h" } };
  await apply(source, appOf());
  await vi.waitFor(async () => expect((await newest())?.commit).toBe(revision), soon);
  const uid = await fixture.uidOf();
  await vi.waitFor(async () => expect(await linesOf(agent, uid)).toContain("Deployment web v1"), soon);
  fixture.artifacts.push(url, "stable", { "apps/shop/web.yaml": "Deployment web v2" });
  await fixture.wake();
  await vi.waitFor(async () => expect(await linesOf(agent, uid)).toContain("Deployment web v2"), soon);
});
