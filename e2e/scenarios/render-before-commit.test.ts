/**
 * `muster render` on a checkout without a hub, held against what a hub makes of the very same files once they are
 * pushed, and what its agents put into the clusters.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { manifestsText, readObjects } from "@muster/cli/render/manifests-text.ts";
import { parseManifests } from "@muster/shared/manifest/parse.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually } from "../fleet/eventually.ts";
import type { FleetMember } from "../fleet/fleet.ts";
import { configMap } from "../fleet/manifests.ts";
import { type Ran, runMuster } from "../fleet/muster.ts";
import { renderToolFlags, renderToolsAvailability } from "../fleet/render-tools.ts";

const tools = await renderToolsAvailability();
const named = [
  { name: "prod-eu-1", labels: { tier: "prod", region: "eu" } },
  { name: "prod-us-1", labels: { tier: "prod", region: "us" } },
];
const apiVersion = "muster.dev/v1alpha1";
const yaml = (...objects: object[]): string => objects.map((one) => `---\n${JSON.stringify(one, null, 2)}\n`).join("");

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", labels: { app: "web" } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "registry.example.com/web:1.0" }] },
    },
  },
};

/** A kustomization on a base beside it, and a chart with values for a region. */
const files: Readonly<Record<string, string>> = {
  "base/kustomization.yaml": "resources: [web.yaml]\n",
  "base/web.yaml": yaml(deployment, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { ports: [{ port: 80 }], selector: { app: "web" } },
  }),
  "apps/web/kustomization.yaml":
    "resources: [../../base]\ncommonAnnotations: { example.com/owner: web }\nconfigMapGenerator:\n  - name: settings\n    files: [motd.txt]\n",
  "apps/web/motd.txt": "hello from ${cluster.name} in ${cluster.labels.region:-nowhere}, tier ${TIER}\n",
  "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
  "charts/shop/values.yaml": "greeting: welcome\nhost: nowhere\nreplicas: 1\n",
  "charts/shop/values-eu.yaml": "greeting: bienvenue\n",
  "charts/shop/templates/settings.yaml": `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
  labels: { chart: "{{ .Chart.Name }}-{{ .Chart.Version }}" }
data:
  greeting: {{ .Values.greeting | quote }}
  host: {{ .Values.host | quote }}
  replicas: {{ .Values.replicas | quote }}
  kubernetes: {{ .Capabilities.KubeVersion.Minor | quote }}
`,
};

if (tools.ok) {
  await describeFleet(
    "muster render before a commit",
    { clusters: 2, fleet: { named, hub: { flags: renderToolFlags } } },
    ({ fleet }) => {
      let home: string;
      beforeAll(async () => {
        home = await mkdtemp(join(tmpdir(), "muster-before-commit-"));
      });
      afterAll(() => rm(home, { recursive: true, force: true }));

      const write = async (folder: string, path: string, text: string): Promise<void> => {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text);
      };

      test("is byte for byte what the hub delivers for the commit, and tells afterwards what another edit would change", async () => {
        const { hub, forge, members } = fleet();
        const repository = await forge.createRepository("before-commit", { private: false });
        const copy = await repository.workingCopy();
        const definitions = [
          {
            apiVersion,
            kind: "Project",
            metadata: { name: "shop" },
            spec: { kinds: { namespaced: ["*"] }, namespaces: ["before-*"] },
          },
          {
            apiVersion,
            kind: "Source",
            metadata: { name: "fleet", project: "shop" },
            spec: { git: { url: repository.url }, poll: "1s" },
          },
          {
            apiVersion,
            kind: "App",
            metadata: { name: "web", project: "shop" },
            spec: {
              source: { name: "fleet", path: "apps/web" },
              destination: { namespace: "before-web", createNamespace: true },
              clusters: { matchLabels: { tier: "prod" } },
              vars: { TIER: "front" },
              substitute: true,
              overrides: [
                {
                  clusters: { matchLabels: { region: "us" } },
                  namePrefix: "us-",
                  images: [{ name: "registry.example.com/web", newTag: "1.1" }],
                  replicas: [{ name: "web", count: 0 }],
                },
              ],
            },
          },
          {
            apiVersion,
            kind: "App",
            metadata: { name: "shop", project: "shop" },
            spec: {
              source: { name: "fleet", path: "charts/shop" },
              render: { helm: { set: { host: "${cluster.name}.example.com" } } },
              destination: { namespace: "before-shop", createNamespace: true },
              clusters: { matchLabels: { tier: "prod" } },
              overrides: [
                {
                  clusters: { matchLabels: { region: "eu" } },
                  helm: { values: ["values-eu.yaml"], valuesObject: { replicas: 6 } },
                  patches: [
                    {
                      merge: {
                        apiVersion: "v1",
                        kind: "ConfigMap",
                        metadata: { name: "shop-settings", annotations: { patched: "yes" } },
                      },
                    },
                  ],
                },
              ],
            },
          },
        ];
        const clusters = named.map(({ name, labels }) => ({ apiVersion, kind: "Cluster", metadata: { name, labels } }));
        await write(home, "definitions/fleet.yaml", yaml(...definitions, ...clusters));
        for (const [path, text] of Object.entries(files)) await write(copy.folder, path, text);
        const flags = ["-p", "shop", "-f", join(home, "definitions"), "--local", copy.folder];

        const rendered = new Map<string, Ran>();
        for (const app of ["web", "shop"]) {
          for (const { name } of named) {
            const ran = await runMuster(["render", app, ...flags, "-c", name], { home });
            expect(ran, `${app} on ${name}`).toMatchObject({
              exitCode: 0,
              err: expect.not.stringContaining("warning"),
            });
            rendered.set(`${app} ${name}`, ran);
          }
        }
        expect(new Set([...rendered.values()].map(({ out }) => out)).size).toBe(4);
        expect(rendered.get("shop prod-eu-1")?.out).toContain("greeting: bienvenue\n  host: prod-eu-1.example.com\n");

        const commit = await copy.commitAndPush({}, "What was rendered");
        await hub.api.apply(...definitions);
        const api = hub.api.inProject("shop");
        for (const app of ["web", "shop"]) {
          await eventually(async () => {
            const detail = await api.app(app);
            expect(detail).toMatchObject({ problems: [], release: { commit } });
            expect(detail.placements.map(({ observed }) => observed?.phase)).toEqual(["Applied", "Applied"]);
          });
          for (const member of members) {
            const ran = rendered.get(`${app} ${member.name}`) as Ran;
            const { placements } = await api.app(app);
            const digest = placements.find(({ cluster }) => cluster === member.name)?.assigned?.digest;
            expect(ran.err).toContain(`${digest}; objects without a namespace go to before-${app}`);
            expect(ran.out).toBe(await delivered(app, member.name));
            await expectLive(member, `before-${app}`, ran.out);
          }
        }

        const diff = (...more: string[]) =>
          runMuster(["render", "shop", "-p", "shop", "--local", copy.folder, "-c", "prod-eu-1", "--diff", ...more], {
            home,
            hub,
          });
        expect(await diff()).toMatchObject({
          exitCode: 0,
          out: "",
          err: expect.stringContaining("nothing would change"),
        });
        await write(copy.folder, "charts/shop/values-eu.yaml", "greeting: hallo\n");
        await write(copy.folder, "charts/shop/templates/more.yaml", configMap("more"));
        const changed = await diff("r1");
        expect(changed.exitCode).toBe(1);
        expect(changed.out).toContain("--- r1/ConfigMap shop-settings\n+++ here/ConfigMap shop-settings\n");
        expect(changed.out).toContain("-  greeting: bienvenue\n+  greeting: hallo\n");
        expect(changed.err).toContain("shop/shop on prod-eu-1, against r1: 1 would be created, 1 changed, 0 deleted.");
        expect(await diff("r7")).toMatchObject({ exitCode: 3, err: expect.stringContaining("has no Release r7") });
      });

      /** The bytes that the agent got, printed as `muster render` prints. */
      async function delivered(app: string, cluster: string): Promise<string> {
        const { url, token, caPem } = fleet().hub;
        const response = await fetchBundle(
          `${url}/v1/projects/shop/apps/${app}/releases/current/bundle?cluster=${cluster}`,
          { token, caPem },
        );
        return manifestsText(readObjects(response), "yaml");
      }

      /** Everything that was printed is there as it was printed, and what Muster adds is its own labels and annotations. */
      async function expectLive({ cluster }: FleetMember, namespace: string, out: string): Promise<void> {
        const { manifests, problems } = parseManifests({ path: "out.yaml", bytes: Buffer.from(out) });
        expect(problems).toEqual([]);
        expect(manifests.length).toBeGreaterThan(0);
        for (const { ref, object } of manifests) {
          const group = ref.apiVersion === "v1" ? "api/v1" : `apis/${ref.apiVersion}`;
          const path = `/${group}/namespaces/${namespace}/${ref.kind.toLowerCase()}s/${ref.name}`;
          const { status, json } = await cluster.request("GET", path);
          expect(status, path).toBe(200);
          expect(json).toMatchObject(object);
          const printed = object as { metadata: { labels?: object; annotations?: object } };
          for (const field of ["labels", "annotations"] as const) {
            const own = Object.fromEntries(
              Object.entries(json.metadata[field] ?? {}).filter(([key]) => !key.startsWith("muster.dev/")),
            );
            expect(own, `${field} of ${path}`).toEqual(printed.metadata[field] ?? {});
          }
        }
      }
    },
  );
}

async function fetchBundle(url: string, { token, caPem }: { token: string; caPem: string }): Promise<Uint8Array> {
  const { Agent, request } = await import("undici");
  const dispatcher = new Agent({ connect: { ca: caPem } });
  try {
    const { statusCode, body } = await request(url, { dispatcher, headers: { authorization: `Bearer ${token}` } });
    expect(statusCode).toBe(200);
    return new Uint8Array(await body.arrayBuffer());
  } finally {
    await dispatcher.close();
  }
}
