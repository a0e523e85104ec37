import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { appOf, HubFixture, person, REPOSITORY, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 5_000, interval: 5 };

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
});
afterEach(() => fixture.close());

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bundle = (release: number | null, cluster: string | null = null) =>
  fixture.hub.queries.bundle(shop, { release, cluster });

async function released(number: number, value: string): Promise<void> {
  fixture.git.push(REPOSITORY, { "apps/shop/web.yaml": `Deployment web ${value}` });
  if (number === 1) await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  else await fixture.wake();
  await vi.waitFor(async () => {
    expect((await fixture.hub.queries.app(shop)).release?.number).toBe(number);
  }, soon);
  await fixture.hub.settled();
}

describe("the bundle of a Release", () => {
  it("is of the one that was named, or what is assigned to the cluster", async () => {
    const agent = await fixture.addCluster("eu-1");
    await agent.connect(fixture.hub.gate);
    await released(1, "v1");
    await released(2, "v2");
    expect(text((await bundle(1)).compressed)).toBe("Deployment web v1");
    expect(await bundle(null)).toMatchObject({ release: 2, namespace: "default" });
    await fixture.hub.commands.rollback(person, {
      project: "default",
      app: "shop",
      to: "r1",
      reason: "x",
      dryRun: false,
    });
    await vi.waitFor(async () => {
      const found = await bundle(null, "eu-1");
      expect([found.release, text(found.compressed)]).toEqual([1, "Deployment web v1"]);
    }, soon);
    expect(text((await bundle(2, "eu-1")).compressed)).toBe("Deployment web v2");
  });

  it.each([
    ["a Release that is not there", 7, null, "default/shop has no Release r7, or none that is kept."],
    ["a cluster that runs nothing of it", null, "us-1", "default/shop runs nothing on us-1."],
  ])("is not found for %s", async (_what, release, cluster, message) => {
    await released(1, "v1");
    await expect(bundle(release, cluster)).rejects.toMatchObject({ code: "not-found", message });
  });
});
