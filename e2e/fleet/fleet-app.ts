import { expect } from "vitest";
import type { TestCluster } from "../control-plane/provider.ts";
import type { Forge, ForgeRepository } from "../forge/forge.ts";
import type { Changes, WorkingCopy } from "../forge/working-copy.ts";
import { type EventuallyOptions, eventually } from "./eventually.ts";
import type { HubApi, Schemas } from "./hub-api.ts";
import { type AppDefinitionOptions, appDefinition, sourceDefinition } from "./manifests.ts";

/** An App with a repository and, on every cluster, a namespace of its own: scenarios that share a fleet do not meet. */
export interface FleetApp {
  /** Of App and Source alike. */
  readonly name: string;
  readonly path: string;
  readonly namespace: string;
  readonly repository: ForgeRepository;
  readonly copy: WorkingCopy;
  /** As they were applied; spread them to change them. */
  readonly definitions: { readonly source: ReturnType<typeof sourceDefinition>; readonly app: object };
  /** Paths are below the App's directory. Commits, pushes, answers the commit. */
  push(changes: Changes, message?: string): Promise<string>;
  detail(): Promise<Schemas["AppDetail"]>;
  /** Once every cluster runs the Release of this commit: applied, Synced, Healthy, for its very generation. */
  released(commit: string, options?: EventuallyOptions): Promise<Schemas["AppDetail"]>;
  /** Once every cluster runs Release `number`, whatever Git says. */
  settledAt(number: number, options?: EventuallyOptions): Promise<Schemas["AppDetail"]>;
  /** The `data` of a ConfigMap of its namespace; undefined when it is not there. */
  data(cluster: TestCluster, name: string): Promise<Record<string, string> | undefined>;
  /** Names of the ConfigMaps that carry Muster's owner label, sorted. */
  owned(cluster: TestCluster): Promise<string[]>;
}

export interface NewAppOptions extends Partial<Omit<AppDefinitionOptions, "source" | "path" | "namespace">> {
  /** Pushed before the definitions are applied. Paths are below the App's directory. */
  readonly files?: Changes;
  readonly poll?: string;
  /** Default true: the forge tells the hub of pushes. */
  readonly webhook?: boolean;
  /** Default true: Source and App are applied. */
  readonly apply?: boolean;
}

export interface AppPlace {
  readonly api: () => HubApi;
  readonly forge: Forge;
  readonly clusters: readonly TestCluster[];
  readonly webhookUrl: (source: string) => string;
  readonly webhookSecret: string;
}

export async function createFleetApp(place: AppPlace, name: string, options: NewAppOptions = {}): Promise<FleetApp> {
  const { api, clusters } = place;
  const path = `apps/${name}`;
  const repository = await place.forge.createRepository(name, { private: false });
  const copy = await repository.workingCopy();
  for (const cluster of clusters) await createNamespace(cluster, name);
  const below = (changes: Changes): Changes =>
    Object.fromEntries(Object.entries(changes).map(([file, content]) => [`${path}/${file}`, content]));
  const push = (changes: Changes, message = "Change it") => copy.commitAndPush(below(changes), message);

  const { files, poll, webhook = true, apply = true, ...rest } = options;
  await push(files ?? {}, "Begin");
  const source = sourceDefinition(name, repository.url, { poll: poll ?? "1m" });
  const definition = appDefinition(name, { ...rest, source: name, path, namespace: name });
  if (apply) await api().apply(source, definition);
  if (webhook) await repository.addWebhook({ url: place.webhookUrl(name), secret: place.webhookSecret });

  const settled = async (isThere: (detail: Schemas["AppDetail"]) => void) => {
    const detail = await api().app(name);
    isThere(detail);
    for (const { cluster, assigned, observed } of detail.placements) {
      expect({ cluster, ...observed }).toMatchObject({
        phase: "Applied",
        sync: "Synced",
        health: "Healthy",
        generation: assigned?.generation,
        digest: assigned?.digest,
      });
    }
    return detail;
  };
  return {
    name,
    path,
    namespace: name,
    repository,
    copy,
    definitions: { source, app: definition },
    push,
    detail: () => api().app(name),
    released: (commit, wait) =>
      eventually(
        () =>
          settled((detail) => {
            expect(detail.problems).toEqual([]);
            expect(detail.release?.commit).toBe(commit);
            expect(detail.placements.length).toBeGreaterThan(0);
            for (const { assigned } of detail.placements) expect(assigned?.release).toBe(detail.release?.number);
          }),
        wait,
      ),
    settledAt: (number, wait) =>
      eventually(
        () =>
          settled((detail) => {
            expect(detail.placements.map(({ assigned }) => assigned?.release)).toEqual(
              detail.placements.map(() => number),
            );
          }),
        wait,
      ),
    data: async (cluster, configMapName) => {
      const answer = await cluster.request("GET", `/api/v1/namespaces/${name}/configmaps/${configMapName}`);
      if (answer.status === 404) return undefined;
      expect(answer.status).toBe(200);
      return answer.json.data ?? {};
    },
    owned: async (cluster) => {
      const path = `/api/v1/namespaces/${name}/configmaps?labelSelector=muster.dev%2Fowner`;
      const { items } = (await cluster.request("GET", path)).json;
      return items.map((item: { metadata: { name: string } }) => item.metadata.name).sort();
    },
  };
}

async function createNamespace(cluster: TestCluster, name: string): Promise<void> {
  const answer = await cluster.request("POST", "/api/v1/namespaces", { body: { metadata: { name } } });
  if (answer.status >= 300 && answer.status !== 409) throw new Error(`namespace ${name}: ${answer.text}`);
}
