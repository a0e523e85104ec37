import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appOf, HubFixture, person, sourceOf } from "../testing/hub-fixture.ts";

describe("placements", () => {
  let fixture: HubFixture;
  beforeEach(async () => {
    fixture = await HubFixture.create();
  });
  afterEach(() => fixture.close());

  const clustersOf = async (name = "shop"): Promise<string[]> => {
    await fixture.hub.settled();
    const { placements } = await fixture.hub.queries.app({ project: "default", name });
    return placements.filter(({ removing }) => !removing).map(({ cluster }) => cluster);
  };

  it("follow clusters that come, are relabelled and go", async () => {
    const hub = await fixture.startHub();
    fixture.push({ "apps/shop/a.yaml": "ConfigMap a", "apps/far/a.yaml": "ConfigMap b" });
    await fixture.addCluster("one", { tier: "prod" });
    await hub.commands.apply(
      person,
      [
        sourceOf(),
        appOf("shop", { clusters: { matchLabels: { tier: "prod" } }, onUnplaced: { grace: "0s" } }),
        appOf("far", { clusters: { matchLabels: { tier: "test" } } }),
      ],
      { dryRun: false },
    );
    await expect.poll(() => clustersOf()).toEqual(["one"]);

    await fixture.addCluster("two", { tier: "prod" });
    await expect.poll(() => clustersOf()).toEqual(["one", "two"]);
    await hub.commands.labelCluster(person, "two", { set: { tier: "test" }, remove: [] }, { dryRun: false });
    await expect.poll(() => clustersOf("far")).toEqual(["two"]);
    await expect.poll(() => clustersOf()).toEqual(["one"]);
    await hub.commands.removeCluster(person, "one");
    await expect.poll(() => clustersOf()).toEqual([]);
  });

  it("are found anew when an App wants others", async () => {
    const hub = await fixture.startHub();
    fixture.push({ "apps/shop/a.yaml": "ConfigMap a" });
    for (const name of ["one", "two"]) await fixture.addCluster(name);
    const apply = (names: string[]) =>
      hub.commands.apply(person, [sourceOf(), appOf("shop", { clusters: { names } })], { dryRun: false });
    await apply(["one"]);
    await expect.poll(() => clustersOf()).toEqual(["one"]);
    await apply(["one", "two"]);
    await expect.poll(() => clustersOf()).toEqual(["one", "two"]);
  });
});
