import { randomBytes } from "node:crypto";
import { answered } from "@muster/cli/api/client.ts";
import { expect } from "vitest";
import type { TestCluster } from "../control-plane/provider.ts";
import type { Changes } from "../forge/working-copy.ts";
import { eventually } from "./eventually.ts";
import type { Fleet } from "./fleet.ts";
import type { Schemas } from "./hub-api.ts";
import { sourceDefinition } from "./manifests.ts";

/** A Project with one repository, whose Apps are its directories, and a namespace of its own on every cluster. */
export interface FleetProject {
  readonly name: string;
  readonly namespace: string;
  /** Address of its repository. */
  readonly url: string;
  /** Applies the Project's document, with this spec. */
  allow(spec: object): Promise<Schemas["ApplyResult"]>;
  /** Applies an App that is the directory of its name, on all clusters. */
  applyApp(name: string, spec?: object): Promise<Schemas["ApplyResult"]>;
  push(changes: Changes): Promise<string>;
  app(name: string): Promise<Schemas["AppDetail"]>;
  /** Once the newest Release is of this number, and every cluster of the App runs it Healthy. */
  released(name: string, number: number): Promise<Schemas["AppDetail"]>;
  /** Once the newest Revision of an App is refused with this code: the problem. */
  refused(name: string, code: string): Promise<Schemas["AppDetail"]["problems"][number]>;
  /** Once a cluster's agent refuses with this code: the problem. */
  refusedIn(name: string, cluster: TestCluster, code: string): Promise<Schemas["AppDetail"]["problems"][number]>;
  data(cluster: TestCluster, configMap: string): Promise<Record<string, string> | undefined>;
  /** UID of a ConfigMap of its namespace. */
  uidOf(cluster: TestCluster, configMap: string): Promise<string | undefined>;
}

export async function newProject(fleet: Fleet, prefix = "team"): Promise<FleetProject> {
  const name = `${prefix}-${randomBytes(3).toString("hex")}`;
  const repository = await fleet.forge.createRepository(name, { private: false });
  const copy = await repository.workingCopy();
  for (const { cluster } of fleet.members) {
    const { status } = await cluster.request("POST", "/api/v1/namespaces", { body: { metadata: { name } } });
    expect(status).toBe(201);
  }
  const { api } = fleet.hub;
  const metadata = (of: string) => ({ name: of, project: name });
  const appOf = (app: string) => ({ params: { path: { project: name, name: app } } });
  const app: FleetProject["app"] = (of) =>
    answered(api.client.api.GET("/v1/projects/{project}/apps/{name}", appOf(of)));
  await copy.commitAndPush({ "README.md": "Apps\n" }, "Begin");
  await api.apply({ ...sourceDefinition("fleet", repository.url), metadata: metadata("fleet") });
  const find = (cluster: TestCluster, configMap: string) =>
    cluster.request("GET", `/api/v1/namespaces/${name}/configmaps/${configMap}`);
  return {
    name,
    namespace: name,
    url: repository.url,
    allow: (spec) => api.apply({ apiVersion: "muster.dev/v1alpha1", kind: "Project", metadata: { name }, spec }),
    applyApp: (of, spec = {}) =>
      api.apply({
        apiVersion: "muster.dev/v1alpha1",
        kind: "App",
        metadata: metadata(of),
        spec: {
          source: { name: "fleet", path: of },
          destination: { namespace: name },
          clusters: { all: true },
          ...spec,
        },
      }),
    async push(changes) {
      const commit = await copy.commitAndPush(changes, "Change it");
      await answered(
        api.client.api.POST("/v1/projects/{project}/sources/{name}/refresh", {
          params: { path: { project: name, name: "fleet" } },
        }),
      );
      return commit;
    },
    app,
    released: (of, number) =>
      eventually(async () => {
        const detail = await app(of);
        expect({ problems: detail.problems, release: detail.release?.number }).toEqual({
          problems: [],
          release: number,
        });
        expect(detail.placements.length).toBeGreaterThan(0);
        for (const { assigned, observed } of detail.placements) {
          expect(observed).toMatchObject({ phase: "Applied", health: "Healthy", generation: assigned?.generation });
        }
        return detail;
      }),
    refused: (of, code) =>
      eventually(async () => {
        const found = (await app(of)).problems.find((problem) => problem.code === code);
        if (found === undefined) throw new Error(`${of} has ${JSON.stringify((await app(of)).problems)}`);
        return found;
      }),
    refusedIn: (of, cluster, code) =>
      eventually(async () => {
        const { problems } = await answered(
          api.client.api.GET("/v1/projects/{project}/apps/{name}/placements/{cluster}", {
            params: { path: { project: name, name: of, cluster: cluster.name } },
          }),
        );
        const found = problems.find((problem) => problem.code === code);
        if (found === undefined) throw new Error(`${of} has ${JSON.stringify(problems)} in ${cluster.name}`);
        return found;
      }),
    async data(cluster, configMap) {
      const { status, json } = await find(cluster, configMap);
      return status === 200 ? (json.data ?? {}) : undefined;
    },
    uidOf: async (cluster, configMap) => (await find(cluster, configMap)).json.metadata?.uid,
  };
}
