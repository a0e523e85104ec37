import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Schemas } from "../fleet/hub-api.ts";
import { configMap } from "../fleet/manifests.ts";
import { type GitHttpServer, gitHttpServer } from "../forge/git-http-server.ts";
import type { WorkingCopy } from "../forge/working-copy.ts";

const apiVersion = "muster.dev/v1alpha1";
const project = "tenants";
const source = { project, name: "team" };
const login = { username: "team", password: "only-for-the-forge" };
const json = (...definitions: object[]): string =>
  definitions.map((one) => `${JSON.stringify(one, null, 1)}\n`).join("---\n");

/** A tenant who may write to the repository of its own definitions, and to nothing else. */
await describeFleet("a tenant's definitions", { clusters: 1, sharedFleet: false }, ({ ownFleet, controlPlane }) => {
  let folder: string;
  let forge: GitHttpServer;
  let thief: Server;
  let stolen: string[];
  let fleet: Fleet;
  let copy: WorkingCopy;
  let apps: WorkingCopy;
  let good: Record<string, string>;
  let thiefUrl: string;

  const api = () => fleet.hub.api.client.api;
  const view = async (name = source.name): Promise<Schemas["Source"]> => {
    const { data } = await api().GET("/v1/projects/{project}/sources/{name}", { params: { path: { project, name } } });
    if (data === undefined) throw new Error(`there is no Source ${name}`);
    return data;
  };
  const apply = async (...definitions: object[]) => {
    const { error } = await api().POST("/v1/apply", { body: { definitions, dryRun: false } });
    if (error !== undefined) throw new Error(JSON.stringify(error));
  };
  const cluster = () => controlPlane().clusters[0] as NonNullable<ReturnType<typeof controlPlane>["clusters"][0]>;
  const step = async () =>
    (await cluster().request("GET", "/api/v1/namespaces/tenant/configmaps/web")).json.data?.step ?? null;
  const definition = async (kind: "Project" | "Source" | "App", name: string) => {
    const { data } = await api().GET("/v1/definitions", { params: { query: { kind } } });
    return data?.items.find(({ metadata }) => metadata.name === name);
  };
  /** Pushes, and answers what the hub says of exactly that commit. */
  const attempt = async (files: Record<string, string | null>) => {
    const commit = await copy.commitAndPush(files, "Try it");
    await api().POST("/v1/projects/{project}/sources/{name}/refresh", { params: { path: source } });
    return eventually(async () => {
      const { definitions } = await view();
      expect(definitions?.commit).toBe(commit);
      return definitions?.problems ?? [];
    });
  };
  const mount = (name: string, files: Readonly<Record<string, string>>): void => {
    mkdirSync(join(folder, name), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text);
  };

  const appsSource = (over: object = {}) => ({
    apiVersion,
    kind: "Source",
    metadata: { name: "apps", project },
    spec: { git: { url: `${forge.url}/apps.git`, credentials: "team", ...over }, poll: "1s" },
  });
  const web = (over: object = {}) => ({
    apiVersion,
    kind: "App",
    metadata: { name: "web", project },
    spec: {
      source: { name: "apps", path: "web" },
      destination: { namespace: "tenant" },
      clusters: { all: true },
      ...over,
    },
  });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "muster-tenant-"));
    forge = await gitHttpServer({ credentials: login, tls: true });
    stolen = [];
    thief = createServer((request, response) => {
      stolen.push(`${request.url} ${request.headers.authorization ?? "-"}`);
      response.writeHead(401, { "www-authenticate": "Basic" }).end();
    });
    await new Promise<void>((resolve) => thief.listen(0, "127.0.0.1", resolve));
    thiefUrl = `http://127.0.0.1:${(thief.address() as AddressInfo).port}/apps.git`;
    const ca = { "ca.crt": forge.caPem ?? "" };
    mount("team", { ...login, ...ca, urls: `${forge.url}/\n`, projects: `${project}\n` });
    mount("payments", { ...login, ...ca, urls: `${forge.url}/\n`, projects: "payments\n" });
    fleet = await ownFleet({ hub: { flags: ["--credentials-dir", folder] } });
    await cluster().request("POST", "/api/v1/namespaces", { body: { metadata: { name: "tenant" } } });
    copy = await (await forge.createRepository("team")).workingCopy();
    apps = await (await forge.createRepository("apps")).workingCopy();
    await apps.commitAndPush({ "web/a.yaml": configMap("web", { step: "1" }) }, "Begin");
    good = { "fleet/good.yaml": json(appsSource(), web()), "fleet/bad.yaml": "# nothing\n" };
    await copy.commitAndPush(good, "Begin");
    await apply(
      { apiVersion, kind: "Project", metadata: { name: project }, spec: { namespaces: ["tenant"] } },
      {
        apiVersion,
        kind: "Source",
        metadata: source,
        spec: {
          git: { url: `${forge.url}/team.git`, credentials: "team" },
          poll: "1h",
          definitions: { path: "fleet" },
        },
      },
    );
    await eventually(async () => expect(await step()).toBe("1"));
  }, 240_000);
  afterAll(async () => {
    thief?.close();
    await forge?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }, 60_000);

  const attempts: readonly [string, () => object, RegExp, string | null][] = [
    [
      "widen its Project",
      () => ({ apiVersion, kind: "Project", metadata: { name: project }, spec: { namespaces: ["*"] } }),
      /may define no Project/,
      null,
    ],
    [
      "relabel a cluster",
      () => ({ apiVersion, kind: "Cluster", metadata: { name: fleet.members[0]?.name, labels: { tier: "mine" } } }),
      /may define no Cluster/,
      null,
    ],
    [
      "be fleet-level",
      () => ({
        ...appsSource(),
        metadata: { name: "wide", project },
        spec: { ...appsSource().spec, definitions: { path: ".", fleet: true } },
      }),
      /cannot be made fleet-level from Git/,
      "spec.definitions.fleet",
    ],
    [
      "define in another Project",
      () => ({ ...web(), metadata: { name: "api", project: "payments" } }),
      /may define only what is in its own Project/,
      "metadata.project",
    ],
    [
      "reach a namespace outside its Project",
      () => ({ ...web({ destination: { namespace: "kube-system" } }), metadata: { name: "deep", project } }),
      /does not allow the namespace kube-system/,
      "spec.destination.namespace",
    ],
    [
      "name a credential of another Project",
      () => ({ ...appsSource({ credentials: "payments" }), metadata: { name: "borrowed", project } }),
      /credential payments is not for Project tenants/,
      "spec.git.credentials",
    ],
    [
      "carry its credential to another address, by a new Source",
      () => ({ ...appsSource({ url: thiefUrl }), metadata: { name: "away", project } }),
      /credential team is not for/,
      "spec.git.credentials",
    ],
  ];
  test.each(attempts)("cannot %s; what is good stays, and is delivered", async (what, document, message, field) => {
    const labels = (await fleet.hub.api.cluster(fleet.members[0]?.name ?? "")).labels;
    const problems = await attempt({ "fleet/bad.yaml": json(document()) });
    expect(problems).toEqual([
      expect.objectContaining({
        code: "DefinitionForbidden",
        message: expect.stringMatching(message),
        fix: expect.any(String),
        where: expect.objectContaining({
          path: "fleet/bad.yaml",
          line: expect.any(Number),
          ...(field ? { field } : {}),
        }),
      }),
    ]);
    expect(await definition("Project", project)).toMatchObject({ spec: { namespaces: ["tenant"] } });
    expect((await fleet.hub.api.cluster(fleet.members[0]?.name ?? "")).labels).toEqual(labels);
    await apps.commitAndPush({ "web/a.yaml": configMap("web", { step: what }) }, "Deliver");
    await eventually(async () => expect(await step()).toBe(what));
    expect(stolen).toEqual([]);
    expect(await attempt({ "fleet/bad.yaml": good["fleet/bad.yaml"] ?? "" })).toEqual([]);
  });

  test("cannot carry its credential away by a changed address; the Source stays where it is", async () => {
    const moved = json(appsSource({ url: thiefUrl }), web());
    const problems = await attempt({ "fleet/good.yaml": moved });
    expect(problems).toEqual([
      expect.objectContaining({
        code: "DefinitionForbidden",
        message: expect.stringContaining("credential team is not for"),
      }),
    ]);
    expect(await definition("Source", "apps")).toMatchObject({ spec: { git: { url: `${forge.url}/apps.git` } } });
    await apps.commitAndPush({ "web/a.yaml": configMap("web", { step: "still here" }) }, "Deliver");
    await eventually(async () => expect(await step()).toBe("still here"));
    await throughout(1_500, () => expect(stolen).toEqual([]));
  });
});
