import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually } from "../fleet/eventually.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import { watchGenerations } from "../fleet/generation-watch.ts";
import type { HubApi } from "../fleet/hub-api.ts";
import { configMap } from "../fleet/manifests.ts";
import { rounds, seededRandom, timeoutFor } from "../fleet/seeded-random.ts";

/** The long version: `MUSTER_TEST_ROUNDS=200 npx vitest run --project e2e e2e/scenarios/hub-crash.test.ts`. */
const ROUNDS = rounds(8);

await describeFleet("a hub that is killed with -9", { sharedFleet: false }, ({ ownFleet }) => {
  test(
    "at any moment of any change: nothing acknowledged is lost, no generation comes twice, and all converge",
    async () => {
      const random = seededRandom("hub-crash");
      const fleet = await ownFleet();
      const { hub } = fleet;
      const files = { "a.yaml": configMap("a", { step: "0" }) };
      // Not those that are registered below, which have no agent.
      const joined = { matchExpressions: [{ key: "never", operator: "DoesNotExist" }] };
      const apps = [
        await fleet.newApp("crash", { files, clusters: joined }),
        await fleet.newApp("crash", { files, clusters: joined }),
      ];
      for (const app of apps) await app.released(await app.copy.head());
      const watch = watchGenerations(() => Promise.all(apps.map((app) => hub.api.app(app.name))));
      const acknowledged = new Set<string>();
      const pins = new Map<string, string>();

      for (let round = 1; round <= ROUNDS; round++) {
        // Changes of every kind at once, and the end somewhere among them.
        const changes = Promise.allSettled([
          ...apps.map((app) => app.push({ "a.yaml": configMap("a", { step: `${round}` }) })),
          acknowledge(acknowledged, `c-${random.seed}-${round}`, (name) => hub.api.register(name, { never: "joins" })),
          ...(round % 3 === 0 ? [pin(hub.api, apps[0] as FleetApp, pins)] : []),
          ...(round % 3 === 1 ? [unpin(hub.api, apps[0] as FleetApp, pins)] : []),
        ]);
        await delay(random.upTo(350));
        await hub.kill9();
        await changes;
        await hub.start();
      }

      for (const app of apps) {
        if (pins.has(app.name)) await unpin(hub.api, app, pins);
        // The hub may have been down at the last webhook: its first look after the start finds the commit.
        const detail = await app.released(await app.copy.head(), { deadlineMs: 60_000 });
        watch.note(detail);
        expect(new Set(detail.placements.map(({ observed }) => observed?.digest)).size).toBe(1);
        expect(detail.placements).toHaveLength(2);
        for (const { cluster } of fleet.members) {
          expect(await app.data(cluster, "a")).toEqual({ step: `${ROUNDS}` });
        }
      }
      const names = (await hub.api.status()).clusters.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining([...acknowledged]));
      expect(await watch.stop()).toBeGreaterThan(apps.length * 2);
      for (const { agent } of fleet.members) expect(refusalsOf(agent)).toEqual([]);
    },
    timeoutFor(ROUNDS),
  );

  test("a pin that was acknowledged holds after the hub is killed at once", async () => {
    const fleet = await ownFleet();
    const app = await fleet.newApp("pinned", { files: { "a.yaml": configMap("a", { step: "1" }) } });
    await app.released(await app.copy.head());
    await app.released(await app.push({ "a.yaml": configMap("a", { step: "2" }) }));
    await fleet.hub.api.rollback(app.name, "r1", "an outage");
    await fleet.hub.kill9();
    await fleet.hub.start();
    const detail = await app.settledAt(1);
    expect(detail.pin).toMatchObject({ release: 1, reason: "an outage" });
    for (const { cluster } of fleet.members) expect(await app.data(cluster, "a")).toEqual({ step: "1" });
  });
});

async function acknowledge(into: Set<string>, name: string, act: (name: string) => Promise<unknown>): Promise<void> {
  await act(name);
  into.add(name);
}

async function pin(api: HubApi, app: FleetApp, pins: Map<string, string>): Promise<void> {
  await api.rollback(app.name, "previous", "a rehearsal");
  pins.set(app.name, "pinned");
}

async function unpin(api: HubApi, app: FleetApp, pins: Map<string, string>): Promise<void> {
  if (!pins.has(app.name)) return;
  await eventually(() =>
    api.unpin(app.name).catch((error) => (isNotPinned(error) ? undefined : Promise.reject(error))),
  );
  pins.delete(app.name);
}

/** It was lifted, and only the answer was lost; or it lifted by itself. */
const isNotPinned = (error: unknown): boolean => error instanceof Error && /not pinned/i.test(error.message);

const refusalsOf = (agent: { logEvents(): readonly { msg?: string; code?: unknown }[] }): unknown[] =>
  agent.logEvents().filter(({ msg, code }) => msg === "assignment refused" && code === "GenerationForked");
