import { expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import { backUpHub } from "../fleet/hub-backup.ts";
import { configMap } from "../fleet/manifests.ts";

await describeFleet(
  "a hub whose database was replaced by an older copy",
  { sharedFleet: false },
  ({ ownFleet, forge }) => {
    test("agents that are ahead say so and keep what they run, until somebody recovers them", async () => {
      const { fleet, app } = await restoredFleet();
      const ahead = await saysAhead(fleet, app);
      await keepsRunning(fleet, app, "3");
      expect(await fleet.hub.api.why(app.name, fleet.members[0]?.name)).toMatchObject({
        reason: "Ahead",
        next: expect.stringContaining("muster recover"),
      });

      const recovered = await fleet.hub.api.recover();
      expect(recovered.map(({ cluster }) => cluster).sort()).toEqual(fleet.members.map(({ name }) => name).sort());
      const detail = await app.released(await app.copy.head());
      expect(detail.summary.ahead).toBe(0);
      const generations = detail.placements.map(({ assigned }) => assigned?.generation ?? 0);
      for (const generation of generations) expect(generation).toBeGreaterThan(ahead);
      await app.released(await app.push({ "a.yaml": configMap("a", { step: "4" }) }));
    });

    test("a fresh commit takes them along without anybody's hands", async () => {
      const { fleet, app } = await restoredFleet();
      await saysAhead(fleet, app);
      await keepsRunning(fleet, app, "3");
      await app.released(await app.push({ "a.yaml": configMap("a", { step: "4" }) }));
      for (const { cluster } of fleet.members) expect(await app.data(cluster, "a")).toEqual({ step: "4" });
    });

    test("an App that the copy does not know is not deleted", async () => {
      const fleet = await ownFleet();
      const known = await fleet.newApp("known", { files: { "a.yaml": configMap("a") } });
      await known.released(await known.copy.head());
      await fleet.hub.stop();
      const backup = backUpHub(fleet.hub, fleet.folder);
      await fleet.hub.start();
      const younger = await fleet.newApp("younger", { files: { "a.yaml": configMap("a") } });
      await younger.released(await younger.copy.head());
      await fleet.hub.stop();
      backup.restore();
      await fleet.hub.start();
      await fleet.untilConnected();
      await known.released(await known.push({ "a.yaml": configMap("a", { step: "2" }) }));
      await throughout(1_000, async () => {
        for (const { cluster } of fleet.members) expect(await younger.owned(cluster)).toEqual(["a"]);
      });
      // Applied anew it is a new App by its uid; what runs is inherited.
      await fleet.hub.api.apply(younger.definitions.source, younger.definitions.app);
      await younger.released(await younger.copy.head());
    });

    /** Knows r1, while the clusters run r3. */
    async function restoredFleet(): Promise<{ fleet: Fleet; app: FleetApp }> {
      const fleet = await ownFleet();
      const app = await fleet.newApp("restored", { files: { "a.yaml": configMap("a", { step: "1" }) } });
      await app.released(await app.copy.head());
      await fleet.hub.stop();
      const backup = backUpHub(fleet.hub, fleet.folder);
      await fleet.hub.start();
      await app.released(await app.push({ "a.yaml": configMap("a", { step: "2" }) }));
      await app.released(await app.push({ "a.yaml": configMap("a", { step: "3" }) }));
      await fleet.hub.stop();
      backup.restore();
      // Git is away at first: what an agent shows must count whether or not the hub has seen the head.
      await forge().fail("unreachable");
      try {
        await fleet.hub.start();
        await fleet.untilConnected();
        await saysAhead(fleet, app);
        await keepsRunning(fleet, app, "3");
      } finally {
        await forge().recover();
      }
      await fleet.hub.api.refresh(app.name);
      await eventually(async () => {
        expect((await fleet.hub.api.source(app.name)).revision?.commit).toBe(await app.copy.head());
      });
      return { fleet, app };
    }
  },
);

/** Answers the highest generation that the hub remembers. */
async function saysAhead(fleet: Fleet, app: FleetApp): Promise<number> {
  return eventually(async () => {
    const detail = await app.detail();
    expect(detail.summary.ahead).toBe(fleet.members.length);
    expect(detail.placements.map(({ isAhead }) => isAhead)).toEqual(fleet.members.map(() => true));
    for (const { name } of fleet.members) expect((await fleet.hub.api.cluster(name)).apps.ahead).toBe(1);
    return Math.max(...detail.placements.map(({ assigned }) => assigned?.generation ?? 0));
  });
}

async function keepsRunning(fleet: Fleet, app: FleetApp, step: string): Promise<void> {
  await throughout(700, async () => {
    for (const { cluster } of fleet.members) expect(await app.data(cluster, "a")).toEqual({ step });
  });
}
