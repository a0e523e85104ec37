import { expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import type { Schemas } from "../fleet/hub-api.ts";
import { appDefinition, configMap, sourceDefinition } from "../fleet/manifests.ts";

const json = (definition: object): string => `${JSON.stringify(definition, null, 1)}\n`;

await describeFleet("definitions in Git", { clusters: 2 }, ({ fleet }) => {
  /** A repository that holds its own definitions; only the Source is applied by hand. */
  async function defining(files: (place: FleetApp) => Record<string, string>, over: object = {}) {
    const place = await fleet().newApp("defs", { apply: false });
    await place.copy.commitAndPush(files(place), "Define");
    const source = sourceDefinition(place.name, place.repository.url);
    const definitions = { path: "fleet", ...over };
    await fleet().hub.api.apply({ ...source, spec: { ...source.spec, definitions } });
    const push = (changes: Record<string, string | null>, message = "Change it") =>
      place.copy.commitAndPush(changes, message);
    return { place, push };
  }
  const app = (place: FleetApp, name: string, over: object = {}) => {
    const definition = appDefinition(name, {
      source: place.name,
      path: `manifests/${name}`,
      namespace: place.namespace,
    });
    return json({ ...definition, spec: { ...definition.spec, ...over } });
  };
  const everywhere = async (place: FleetApp, name: string) =>
    Promise.all(fleet().members.map(async ({ cluster }) => (await place.data(cluster, name))?.step ?? null));
  const untilEverywhere = (place: FleetApp, name: string, step: string | null) =>
    eventually(async () => expect(await everywhere(place, name)).toEqual([step, step]));
  const read = (place: FleetApp, commit: string): Promise<NonNullable<Schemas["Source"]["definitions"]>> =>
    eventually(async () => {
      const { definitions } = await fleet().hub.api.source(place.name);
      expect(definitions?.commit).toBe(commit);
      return definitions as NonNullable<Schemas["Source"]["definitions"]>;
    });

  test("go from a push to a running object, change with a commit, and go with one", async () => {
    const { place, push } = await defining((at) => ({
      "fleet/shop.json": app(at, `${at.name}-shop`),
      "fleet/bank.json": app(at, `${at.name}-bank`),
      [`manifests/${at.name}-shop/a.yaml`]: configMap("shop", { step: "1" }),
      [`manifests/${at.name}-bank/a.yaml`]: configMap("bank", { step: "1" }),
      "manifests/other/a.yaml": configMap("shop", { step: "other" }),
    }));
    const [shop, bank] = [`${place.name}-shop`, `${place.name}-bank`];
    await untilEverywhere(place, "shop", "1");
    await untilEverywhere(place, "bank", "1");
    await push({ "fleet/shop.json": app(place, shop, { source: { name: place.name, path: "manifests/other" } }) });
    await untilEverywhere(place, "shop", "other");

    // A broken document and a missing one: both are told, and both stay.
    const broken = await push({
      "fleet/shop.json": app(place, shop, { clutsers: {} }),
      "fleet/bank.json": null,
    });
    const { problems } = await read(place, broken);
    expect(problems).toEqual([
      expect.objectContaining({
        code: "UnknownField",
        message: expect.stringContaining('did you mean "clusters"?'),
        where: expect.objectContaining({ path: "fleet/shop.json", line: expect.any(Number), commit: broken }),
      }),
      expect.objectContaining({ code: "DefinitionKept", message: expect.stringContaining(bank) }),
    ]);
    await throughout(500, async () => expect(await everywhere(place, "bank")).toEqual(["1", "1"]));

    // Mended, what the commit lacks is deleted, and leaves the clusters by its tombstones.
    await push({ "fleet/shop.json": app(place, shop) });
    await untilEverywhere(place, "bank", null);
    await untilEverywhere(place, "shop", "1");

    const emptied = await push({ "fleet/shop.json": null });
    expect((await read(place, emptied)).problems).toMatchObject([{ code: "DefinitionsMissing" }]);
    await throughout(500, async () => expect(await everywhere(place, "shop")).toEqual(["1", "1"]));
  });

  test("make Apps by an AppSet: one for each directory, for as long as it is there", async () => {
    const { place, push } = await defining((at) => ({
      "fleet/set.json": json({
        apiVersion: "muster.dev/v1alpha1",
        kind: "AppSet",
        metadata: { name: at.name },
        spec: {
          generator: { directories: { source: at.name, path: "tenants/*" } },
          template: {
            metadata: { name: `${at.name}-\${directory.name}` },
            spec: {
              source: { name: at.name, path: "${directory.path}" },
              destination: { namespace: at.namespace },
              clusters: { all: true },
            },
          },
        },
      }),
      "tenants/red/a.yaml": configMap("red", { step: "1" }),
      "tenants/blue/a.yaml": configMap("blue", { step: "1" }),
    }));
    await untilEverywhere(place, "red", "1");
    await untilEverywhere(place, "blue", "1");
    await push({ "tenants/green/a.yaml": configMap("green", { step: "1" }), "tenants/red/a.yaml": null });
    await untilEverywhere(place, "green", "1");
    await untilEverywhere(place, "red", null);
    await fleet().hub.kill9();
    await fleet().hub.start();
    await push({ "tenants/blue/a.yaml": configMap("blue", { step: "2" }) });
    await untilEverywhere(place, "blue", "2");
    expect(await everywhere(place, "green")).toEqual(["1", "1"]);
  });

  test("label clusters from a fleet-level Source, beside the labels that people set", async () => {
    const [member] = fleet().members;
    const name = member?.name ?? "";
    const before = (await fleet().hub.api.cluster(name)).labels;
    const cluster = (labels: Record<string, string>) =>
      json({ apiVersion: "muster.dev/v1alpha1", kind: "Cluster", metadata: { name, labels } });
    const { place, push } = await defining(
      (at) => ({
        "fleet/cluster.json": cluster({ canary: at.name }),
        "fleet/app.json": app(at, at.name, {
          clusters: { matchLabels: { canary: at.name } },
          onUnplaced: { grace: "0s" },
        }),
        [`manifests/${at.name}/a.yaml`]: configMap("labelled", { step: "1" }),
      }),
      { fleet: true },
    );
    await eventually(async () => expect(await everywhere(place, "labelled")).toEqual(["1", null]));
    expect((await fleet().hub.api.cluster(name)).labels).toEqual({ ...before, canary: place.name });
    await expect(fleet().hub.api.label(name, { canary: "mine" })).rejects.toThrow(
      `belongs to Source default/${place.name}, and the API cannot change it`,
    );
    await push({ "fleet/cluster.json": null });
    await untilEverywhere(place, "labelled", null);
    expect((await fleet().hub.api.cluster(name)).labels).toEqual(before);
  });
});
