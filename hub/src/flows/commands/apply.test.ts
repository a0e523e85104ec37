import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appOf, HubFixture, person, sourceOf } from "../../testing/hub-fixture.ts";

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
});
afterEach(() => fixture.close());

const apply = (...definitions: readonly unknown[]) => fixture.hub.commands.apply(person, definitions, { dryRun: true });

describe("definitions that will do nothing as they stand", () => {
  it("warns of an App whose Source is not there, and names the nearest", async () => {
    await fixture.addCluster("eu-1");
    const app = appOf();
    const mistyped = { ...app, spec: { ...app.spec, source: { ...app.spec.source, name: "flet" } } };
    const { warnings, results } = await apply(sourceOf(), mistyped);
    expect(warnings).toEqual([
      'App default/shop names the Source "flet", which is not in project default; it waits until there is one. Did you mean fleet?',
    ]);
    expect(results).toHaveLength(2);
  });

  it("says nothing of a Source in the same call, in any order", async () => {
    await fixture.addCluster("eu-1");
    expect(await apply(appOf(), sourceOf())).not.toHaveProperty("warnings");
  });

  it("warns of a selector that matches no cluster", async () => {
    expect((await apply(sourceOf(), appOf())).warnings).toEqual([
      expect.stringContaining("App default/shop goes to 0 clusters"),
    ]);
  });
});
