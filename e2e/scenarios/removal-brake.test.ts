import { createWorkerBundleOpener } from "@muster/agent/adapters/bundle/worker-bundle-opener.ts";
import { answered } from "@muster/cli/api/client.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import type { HubApi, Schemas } from "../fleet/hub-api.ts";
import { configMap, configMaps } from "../fleet/manifests.ts";
import { type MemoryAgent, startMemoryAgent } from "../fleet/memory-agent.ts";
import { type GitHttpServer, gitHttpServer } from "../forge/git-http-server.ts";

const CLUSTERS = 50;

const label = (api: HubApi, name: string, set: Record<string, string>) =>
  answered(
    api.client.api.PATCH("/v1/clusters/{name}", {
      params: { path: { name } },
      body: { labels: { set, remove: [] }, dryRun: false },
    }),
  );
const approvals = async (api: HubApi, state: Schemas["Approval"]["state"] = "pending") =>
  (await answered(api.client.api.GET("/v1/approvals", { params: { query: { state } } }))).items;
const grant = (api: HubApi, id: string) =>
  answered(api.client.api.POST("/v1/approvals/{id}/grant", { params: { path: { id } }, body: { reason: "meant" } }));
/** The one approval that waits. */
const asked = (api: HubApi): Promise<Schemas["Approval"]> =>
  eventually(async () => {
    const [first, ...rest] = await approvals(api);
    if (first === undefined || rest.length > 0) throw new Error(`${rest.length} approvals wait besides`);
    return first;
  });
/** The definition as it was applied, with other fields in its spec. */
const changed = (app: FleetApp, spec: object): object => {
  const { app: definition } = app.definitions as { app: { spec: object } };
  return { ...definition, spec: { ...definition.spec, ...spec } };
};

describe(`a label typo that would unplace ${CLUSTERS} clusters`, () => {
  const bundles = createWorkerBundleOpener();
  const agents: MemoryAgent[] = [];
  let forge: GitHttpServer;
  let fleet: Fleet;
  let app: FleetApp;
  const spec = (tier: string) => ({
    clusters: { matchLabels: { tier } },
    destination: { namespace: app.namespace, createNamespace: true },
    onUnplaced: { grace: "0s" },
  });
  const holders = async () => {
    const held = await Promise.all(
      agents.map(({ cluster }) =>
        cluster.api.get({ apiVersion: "v1", kind: "ConfigMap", namespace: app.namespace, name: "a" }),
      ),
    );
    return held.filter((found) => found !== null).length;
  };

  beforeAll(async () => {
    forge = await gitHttpServer();
    fleet = await startFleet({ clusters: [], forge });
    const names = Array.from({ length: CLUSTERS }, (_, index) => `m-${String(index).padStart(2, "0")}`);
    const one = async (): Promise<void> => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        agents.push(await startMemoryAgent(fleet.hub, name, bundles));
        await label(fleet.hub.api, name, { tier: "prod" });
      }
    };
    await Promise.all(Array.from({ length: 10 }, one));
    app = await fleet.newApp("wide", { files: { "a.yaml": configMap("a", { step: "0" }) }, apply: false });
    await fleet.hub.api.apply(app.definitions.source, changed(app, spec("prod")));
    await app.released(await app.copy.head(), { deadlineMs: 90_000 });
  }, 180_000);
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await fleet?.stop();
    await forge?.stop();
    await bundles.close();
  }, 60_000);

  test("is stopped, survives a killed hub, and vanishes when it is mended", async () => {
    const { api } = fleet.hub;
    const result = await api.apply(changed(app, spec("prd")));
    expect(result).toMatchObject({ waits: expect.stringContaining(`${CLUSTERS} placements would go at once`) });
    const { id, what } = await asked(api);
    expect(what).toBe(`${CLUSTERS} clusters would lose default/${app.name} (${CLUSTERS} objects)`);
    expect(await api.why(app.name)).toMatchObject({ reason: "RemovalWaits", next: expect.stringContaining(id) });

    await fleet.hub.kill9();
    await fleet.hub.start();
    await fleet.untilConnected();
    expect(await asked(fleet.hub.api)).toMatchObject({ id });
    await throughout(1_000, async () => expect(await holders()).toBe(CLUSTERS));

    await fleet.hub.api.apply(changed(app, spec("prod")));
    await eventually(async () => expect(await approvals(fleet.hub.api, "withdrawn")).toMatchObject([{ id }]));
    expect(await holders()).toBe(CLUSTERS);
    expect((await app.detail()).state).toBe("r1 everywhere");
  });

  test("is carried out when a person meant it", async () => {
    await fleet.hub.api.apply(changed(app, spec("prd")));
    const { id } = await asked(fleet.hub.api);
    await grant(fleet.hub.api, id);
    await eventually(async () => expect(await holders()).toBe(0), { deadlineMs: 60_000 });
    await eventually(async () => expect(await approvals(fleet.hub.api, "used")).toMatchObject([{ id }]));
  });
});

await describeFleet("removals on a real API server", { clusters: 1 }, ({ fleet }) => {
  const member = () => {
    const [first] = fleet().members;
    if (first === undefined) throw new Error("a cluster is needed");
    return first;
  };

  test("a cluster that leaves keeps the App for its grace, and not longer", async () => {
    const { api } = fleet().hub;
    await label(api, member().name, { tier: "prod" });
    const app = await fleet().newApp("grace", {
      files: { "a.yaml": configMap("a") },
      clusters: { matchLabels: { tier: "prod" } },
      onUnplaced: { grace: "3s" },
    });
    await app.released(await app.copy.head());
    await label(api, member().name, { tier: "dev" });
    await eventually(async () =>
      expect(await api.why(app.name, member().name)).toMatchObject({ reason: "RemovalInGrace" }),
    );
    await label(api, member().name, { tier: "prod" });
    await throughout(4_000, async () => expect(await app.owned(member().cluster)).toEqual(["a"]));

    const left = Date.now();
    await label(api, member().name, { tier: "dev" });
    await eventually(async () => expect(await app.owned(member().cluster)).toEqual([]));
    expect(Date.now() - left).toBeGreaterThanOrEqual(3_000);
  });

  test("a Release that drops many objects waits for a person, and then prunes them", async () => {
    const app = await fleet().newApp("prune", { files: { "a.yaml": configMap("a"), ...configMaps("many", 30, "1") } });
    await app.released(await app.copy.head());
    const gone = Object.fromEntries(Object.keys(configMaps("many", 30, "1")).map((file) => [file, null]));
    const commit = await app.push(gone);
    const { id, what } = await asked(fleet().hub.api);
    expect(what).toBe(`r2 of default/${app.name} would delete 30 of 31 objects on 1 cluster`);
    await throughout(1_000, async () => expect(await app.owned(member().cluster)).toHaveLength(31));
    await grant(fleet().hub.api, id);
    await app.released(commit);
    await eventually(async () => expect(await app.owned(member().cluster)).toEqual(["a"]));
  });

  test("an App of many objects is deleted once a person approved it", async () => {
    const app = await fleet().newApp("delete", { files: configMaps("many", 25, "1") });
    await app.released(await app.copy.head());
    await fleet().hub.api.deleteApp(app.name);
    const { id, what } = await asked(fleet().hub.api);
    expect(what).toBe(`default/${app.name} would be deleted from ${member().name} (25 objects)`);
    await throughout(1_000, async () => expect(await app.owned(member().cluster)).toHaveLength(25));
    await grant(fleet().hub.api, id);
    await eventually(async () => expect(await app.owned(member().cluster)).toEqual([]));
    await eventually(async () =>
      expect((await fleet().hub.api.apps()).map(({ name }) => name)).not.toContain(app.name),
    );
  });
});
