import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 5_000, interval: 5 };
const files = (version: string) => ({
  "apps/shop/kustomization.yaml": "",
  "apps/shop/web.yaml": `Deployment web ${version}`,
});

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
});
afterEach(() => fixture.close());

const newest = async () => (await fixture.hub.queries.releases(shop))[0];
const app = () => fixture.hub.queries.app(shop);
const why = (cluster: string | null = null) => fixture.hub.queries.why(shop, cluster);
const ship = (number: number) => fixture.hub.commands.shipRelease(person, shop, number, { reason: "looked at it" });

async function deployed() {
  fixture.push(files("v1"));
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  const agent = await fixture.addCluster("eu-1");
  await agent.connect(fixture.hub.gate);
  const uid = await vi.waitFor(async () => {
    expect((await app()).summary).toMatchObject({ clusters: 1, healthy: 1, atTarget: 1 });
    return fixture.uidOf();
  }, soon);
  return { agent, uid, digest: agent.digestOf(uid) };
}

/** A new hub, whose kustomize gives other manifests for the same files. */
async function upgradeRenderer(): Promise<void> {
  for (const agent of fixture.agents.values()) agent.disconnect();
  await fixture.hub.stop();
  fixture.kustomize.version = "fake kustomize 2";
  fixture.kustomize.extra = "ConfigMap added by 2";
  await fixture.startHub();
  for (const agent of fixture.agents.values()) await agent.connect(fixture.hub.gate);
}

describe("a renderer of another version", () => {
  it("makes a Release that no cluster gets until a person ships it", async () => {
    const { agent, uid, digest } = await deployed();
    await upgradeRenderer();
    await vi.waitFor(async () => expect(await newest()).toMatchObject({ number: 2, held: true }), soon);
    await fixture.hub.settled();
    const { target, state, summary } = await app();
    expect((await newest())?.cause).toEqual({ kind: "renderer", detail: "fake kustomize 1 → fake kustomize 2" });
    expect([target?.number, summary.atTarget, agent.digestOf(uid)]).toEqual([1, 1, digest]);
    expect(state).toBe("r1 everywhere; r2 is held: muster release ship default/shop r2");
    expect(await why()).toMatchObject({
      reason: "Running",
      message: expect.stringContaining(
        "r2 is held: nothing but the renderer changed (fake kustomize 1 → fake kustomize 2).",
      ),
      next: "muster release ship default/shop r2",
    });

    await expect(ship(1)).rejects.toMatchObject({ code: "conflict" });
    await expect(ship(3)).rejects.toMatchObject({ code: "not-found" });
    expect(await ship(2)).toMatchObject({ number: 2, held: false });
    await vi.waitFor(async () => expect((await app()).summary).toMatchObject({ atTarget: 1, healthy: 1 }), soon);
    await vi.waitFor(() => expect(agent.digestOf(uid)).not.toBe(digest), soon);
    expect((await app()).state).toBe("r2 everywhere");
    await vi.waitFor(async () => {
      const entries = await fixture.store.journal.read("audit", { after: 0, limit: 100 });
      const shipped = entries.map(({ value }) => value as { action: string; actor: { name: string } });
      expect(shipped.find(({ action }) => action === "ReleaseShipped")?.actor.name).toBe(person.name);
    }, soon);
  });

  it("goes out with the next commit that changes the App's files", async () => {
    const { agent, uid, digest } = await deployed();
    await upgradeRenderer();
    await vi.waitFor(async () => expect(await newest()).toMatchObject({ number: 2, held: true }), soon);
    fixture.push({ ...files("v1"), "README.md": "of no App" });
    await fixture.wake();
    await fixture.hub.settled();
    expect((await newest())?.number).toBe(2);
    expect(agent.digestOf(uid)).toBe(digest);
    fixture.push(files("v2"));
    await fixture.wake();
    await vi.waitFor(async () => expect(await newest()).toMatchObject({ number: 3, held: false }), soon);
    await vi.waitFor(
      () => expect(agent.held.get(uid)?.assignment.content).toMatchObject({ release: { number: 3 } }),
      soon,
    );
    await expect(ship(2)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("r3 took its place"),
    });
  });
});
