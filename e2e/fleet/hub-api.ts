import { answered, createHubClient, type HubClient, type Schemas } from "@muster/cli/api/client.ts";

export type { Schemas };

/** The calls of the hub's REST API that scenarios make. Each throws the CLI's `Failure` when the hub refuses. */
export interface HubApi {
  readonly client: HubClient;
  /** The same calls for the Sources and Apps of another project than `default`. */
  inProject(project: string): HubApi;
  status(): Promise<Schemas["Status"]>;
  register(name: string, labels?: Record<string, string>): Promise<Schemas["Registration"]>;
  cluster(name: string): Promise<Schemas["Cluster"]>;
  removeCluster(name: string): Promise<void>;
  apply(...definitions: readonly unknown[]): Promise<Schemas["ApplyResult"]>;
  source(name: string): Promise<Schemas["Source"]>;
  deleteSource(name: string): Promise<void>;
  refresh(source: string): Promise<void>;
  app(name: string): Promise<Schemas["AppDetail"]>;
  apps(): Promise<Schemas["App"][]>;
  deleteApp(name: string): Promise<void>;
  placement(app: string, cluster: string): Promise<Schemas["PlacementDetail"]>;
  /** Newest first. */
  releases(app: string): Promise<Schemas["Release"][]>;
  why(app: string, cluster?: string): Promise<Schemas["Why"]>;
  rollback(app: string, to: string, reason?: string): Promise<Schemas["Rollback"]>;
  unpin(app: string): Promise<Schemas["App"]>;
  /** Sets labels of a cluster, beside those it has. */
  label(cluster: string, set: Record<string, string>): Promise<void>;
  recover(target?: { cluster?: string; app?: string }): Promise<{ app: string; cluster: string }[]>;
  close(): Promise<void>;
}

export const createHubApi = (hub: { url: string; token: string; ca: string }): HubApi =>
  callsOf(createHubClient(hub), "default");

function callsOf(client: HubClient, project: string): HubApi {
  const { api } = client;
  const named = (name: string) => ({ params: { path: { project, name } } });
  return {
    client,
    inProject: (other) => callsOf(client, other),
    status: () => answered(api.GET("/v1/status")),
    register: (name, labels = {}) => answered(api.POST("/v1/clusters", { body: { name, labels } })),
    cluster: (name) => answered(api.GET("/v1/clusters/{name}", { params: { path: { name } } })),
    removeCluster: async (name) => {
      await answered(api.DELETE("/v1/clusters/{name}", { params: { path: { name } } }));
    },
    apply: (...definitions) =>
      answered(api.POST("/v1/apply", { body: { definitions: [...definitions], dryRun: false } })),
    source: (name) => answered(api.GET("/v1/projects/{project}/sources/{name}", named(name))),
    deleteSource: async (name) => {
      await answered(api.DELETE("/v1/projects/{project}/sources/{name}", named(name)));
    },
    refresh: async (name) => {
      await answered(api.POST("/v1/projects/{project}/sources/{name}/refresh", named(name)));
    },
    app: (name) => answered(api.GET("/v1/projects/{project}/apps/{name}", named(name))),
    apps: async () => (await answered(api.GET("/v1/apps"))).items,
    deleteApp: async (name) => {
      await answered(api.DELETE("/v1/projects/{project}/apps/{name}", named(name)));
    },
    placement: (name, cluster) =>
      answered(
        api.GET("/v1/projects/{project}/apps/{name}/placements/{cluster}", {
          params: { path: { project, name, cluster } },
        }),
      ),
    releases: async (name) =>
      (await answered(api.GET("/v1/projects/{project}/apps/{name}/releases", named(name)))).items,
    why: (name, cluster) =>
      answered(
        api.GET("/v1/projects/{project}/apps/{name}/why", {
          params: { path: { project, name }, query: cluster === undefined ? {} : { cluster } },
        }),
      ),
    rollback: (app, to, reason = "a scenario") =>
      answered(api.POST("/v1/rollbacks", { body: { project, app, to, reason, dryRun: false } })),
    unpin: (name) =>
      answered(
        api.DELETE("/v1/projects/{project}/apps/{name}/pin", {
          params: { path: { project, name }, query: { reason: "a scenario" } },
        }),
      ),
    label: async (name, set) => {
      await answered(
        api.PATCH("/v1/clusters/{name}", {
          params: { path: { name } },
          body: { labels: { set, remove: [] }, dryRun: false },
        }),
      );
    },
    recover: async ({ cluster, app } = {}) => {
      const body = {
        mode: "reassert" as const,
        reason: "a scenario",
        ...(cluster === undefined ? {} : { clusters: { names: [cluster] } }),
        ...(app === undefined ? {} : { app: { project, name: app } }),
      };
      return (await answered(api.POST("/v1/recoveries", { body }))).recovered;
    },
    close: () => client.close(),
  };
}
