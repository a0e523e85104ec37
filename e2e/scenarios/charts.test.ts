/**
 * Apps whose chart is in the real Gitea's package registry, as a chart repository and as an OCI registry: a range is
 * followed, and what was released once needs the registry no more.
 */
import { randomBytes } from "node:crypto";
import { chartArchive } from "@muster/hub/adapters/charts/testing/chart-archive.ts";
import { chartManifest } from "@muster/hub/adapters/oci/testing/push-chart.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestCluster } from "../control-plane/provider.ts";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import { configMap } from "../fleet/manifests.ts";
import { renderToolFlags, renderToolsAvailability } from "../fleet/render-tools.ts";
import { giteaAvailability } from "../forge/gitea-availability.ts";
import { type GiteaPackages, giteaPackages } from "../forge/gitea-packages.ts";
import { type GiteaServer, giteaServer } from "../forge/gitea-server.ts";

const [gitea, tools] = [await giteaAvailability(), await renderToolsAvailability()];
const named = [
  { name: "eu-1", labels: { chart: "yes" } },
  { name: "eu-2", labels: { chart: "no" } },
];
const flags = [...renderToolFlags, "--chart-poll", "1s"];

/** Its one ConfigMap tells the version, and the values that it was given. */
const chartOf = (name: string, version: string) =>
  chartArchive({
    name,
    version,
    files: {
      "templates/config.yaml": [
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata: { name: settings }",
        `data: { version: "${version}", host: {{ .Values.host | quote }}, step: {{ .Values.step | quote }} }`,
        "",
      ].join("\n"),
    },
  });

if (gitea.ok && tools.ok) {
  await describeFleet("a chart of the package registry", { fleet: { named, hub: { flags } } }, ({ fleet }) => {
    let server: GiteaServer;
    beforeAll(async () => {
      server = await giteaServer({ packages: true });
    }, 240_000);
    afterAll(() => server?.stop(), 60_000);

    describe.each(["http", "oci"] as const)("as its %s repository", (kind) => {
      test("is followed in its range, and rendered from what is kept when the registry has lost it", async () => {
        const chart = `shop-${randomBytes(2).toString("hex")}`;
        const packages = await giteaPackages(server, `owner-${kind}`, { isPrivate: false });
        await publish(packages, kind, chart, "1.0.0");
        const app = await fleet().newApp(chart, { files: { "values.yaml": "step: one\n" }, apply: false });
        const { source, app: definition } = app.definitions as { source: object; app: { spec: object } };
        const repository = kind === "http" ? packages.chartRepository : packages.ociRegistry;
        const { api } = fleet().hub;
        await api.apply(source, {
          ...definition,
          spec: {
            ...definition.spec,
            clusters: { matchLabels: { chart: "yes" } },
            render: {
              helm: {
                chart: { repository, name: chart, version: ">=1 <2" },
                values: ["values.yaml"],
                set: { host: "${cluster.name}" },
              },
            },
          },
        });
        const [first, second] = fleet().members.map(({ cluster }) => cluster) as [TestCluster, TestCluster];
        const running = (cluster: TestCluster, data: Record<string, string>) =>
          eventually(async () => expect(await app.data(cluster, "settings")).toEqual(data));
        await running(first, { version: "1.0.0", host: "eu-1", step: "one" });

        // A newer version in the range, and one that is not: nobody pushed anything.
        await publish(packages, kind, chart, "2.0.0");
        await publish(packages, kind, chart, "1.1.0");
        await running(first, { version: "1.1.0", host: "eu-1", step: "one" });
        const [newest] = await api.releases(app.name);
        expect(newest).toMatchObject({ number: 2, cause: { kind: "chart", detail: `${chart} 1.1.0` } });
        await throughout(2_500, async () => expect(await api.releases(app.name)).toHaveLength(2));

        await lose(server, packages, kind, chart, ["1.0.0", "1.1.0", "2.0.0"]);
        await eventually(async () =>
          expect((await api.app(app.name)).problems[0]).toMatchObject({ code: "ChartUnavailable" }),
        );
        expect(await app.data(first, "settings")).toMatchObject({ version: "1.1.0" });
        await api.rollback(app.name, "r1");
        await running(first, { version: "1.0.0", host: "eu-1", step: "one" });
        // It was never rendered for this cluster: only the archive that is kept can give it.
        await api.label("eu-2", { chart: "yes" });
        try {
          await running(second, { version: "1.0.0", host: "eu-2", step: "one" });
        } finally {
          await api.label("eu-2", { chart: "no" });
        }
      });
    });

    test("is told when no version is in its range", async () => {
      const packages = await giteaPackages(server, "owner-none", { isPrivate: false });
      await publish(packages, "http", "old", "0.9.0");
      const app = await fleet().newApp("none", { files: { "a.yaml": configMap("a") }, apply: false });
      const { source, app: definition } = app.definitions as { source: object; app: { spec: object } };
      const chart = { repository: packages.chartRepository, name: "old", version: "1.x" };
      const { api } = fleet().hub;
      await api.apply(source, { ...definition, spec: { ...definition.spec, render: { helm: { chart } } } });
      await eventually(async () => {
        const [problem] = (await api.app(app.name)).problems;
        expect(problem).toMatchObject({ code: "ChartUnavailable", message: expect.stringContaining("1.x") });
      });
      await publish(packages, "http", "old", "1.0.0");
      await eventually(async () => expect((await api.app(app.name)).problems).toEqual([]));
    });
  });
}

async function publish(packages: GiteaPackages, kind: "http" | "oci", name: string, version: string): Promise<void> {
  const archive = await chartOf(name, version);
  if (kind === "http") return packages.uploadChart(archive);
  const config = Buffer.from(JSON.stringify({ apiVersion: "v2", name, version }));
  await packages.pushManifest(name, version, chartManifest(archive, config), [config, archive]);
}

async function lose(
  server: GiteaServer,
  { owner }: GiteaPackages,
  kind: "http" | "oci",
  name: string,
  versions: readonly string[],
): Promise<void> {
  for (const version of versions) {
    await server.api("DELETE", `/packages/${owner}/${kind === "http" ? "helm" : "container"}/${name}/${version}`);
  }
}
