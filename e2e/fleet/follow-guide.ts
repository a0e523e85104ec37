import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import type { TestCluster } from "../control-plane/provider.ts";
import type { WorkingCopy } from "../forge/working-copy.ts";
import { type EventuallyOptions, eventually } from "./eventually.ts";
import type { Fleet } from "./fleet.ts";
import { type Definition, type GuideExample, guideExample } from "./guide-example.ts";
import type { HubApi, Schemas } from "./hub-api.ts";

/** A guide's example as somebody would follow it: its repositories on a real server, its definitions in a real hub. */
export interface FollowedGuide {
  /** `shop.git` -> a clone of it. */
  copy(repository?: string): WorkingCopy;
  /** Calls for Apps and Sources of a project, named as in the guide. */
  api(project?: string): HubApi;
  /** Applies further definitions, or changed ones, with the same translation of names. */
  apply(...definitions: readonly Definition[]): Promise<void>;
  readonly definitions: readonly Definition[];
  /** Once every cluster that the App is placed on runs its newest Release, of this commit if one is given. */
  running(
    app: string,
    options?: { project?: string; commit?: string } & EventuallyOptions,
  ): Promise<Schemas["AppDetail"]>;
  /** An object as the cluster has it, undefined if it has not; `namespace` as in the guide. */
  // biome-ignore lint/suspicious/noExplicitAny: tests pick fields of whatever the cluster answered
  object(cluster: TestCluster, namespace: string, path: string): Promise<any>;
  /** The `data` of a ConfigMap. */
  data(cluster: TestCluster, namespace: string, name: string): Promise<Record<string, string> | undefined>;
  /** Deletes the Apps. */
  end(): Promise<void>;
}

export interface FollowOptions {
  /** Before the definitions are applied; default: each repository's files are pushed to its main branch. */
  readonly prepare?: (copy: (repository?: string) => WorkingCopy, example: GuideExample) => Promise<void>;
}

/**
 * Projects and namespaces get a suffix of their own, so that examples that share a fleet do not meet; addresses of
 * repositories become those of the test's server.
 */
export async function followGuide(
  fleet: Fleet,
  page: string,
  heading: string,
  { prepare = pushFiles }: FollowOptions = {},
): Promise<FollowedGuide> {
  const example = guideExample(page, heading);
  const id = randomBytes(3).toString("hex");
  const projectOf = (project = "default") => `${project}-${id}`;
  const namespaceOf = (namespace: string) => `${namespace}-${id}`;
  const copies = new Map<string, WorkingCopy>();
  const urls = new Map<string, string>();
  const repositories = new Set([...example.files.keys(), ...example.definitions.flatMap(repositoryOf)]);
  for (const repository of repositories) {
    const made = await fleet.forge.createRepository(`${repository.replace(/\.git$/, "")}-${id}`, { private: false });
    urls.set(repository, made.url);
    copies.set(repository, await made.workingCopy());
  }
  const copy = (repository = "fleet.git"): WorkingCopy => {
    const found = copies.get(repository);
    if (found === undefined) throw new Error(`the guide knows no ${repository}`);
    return found;
  };
  const translated = (definition: Definition): object => {
    const { metadata, spec } = definition;
    const project = projectOf(metadata.project);
    const [repository] = repositoryOf(definition);
    return {
      ...definition,
      metadata: { ...metadata, project },
      spec: {
        ...spec,
        ...(repository === undefined ? {} : { git: { ...spec.git, url: urls.get(repository) }, poll: "1s" }),
        ...(spec.destination === undefined
          ? {}
          : { destination: { ...spec.destination, namespace: namespaceOf(spec.destination.namespace) } }),
      },
    };
  };
  const apply: FollowedGuide["apply"] = async (...definitions) => {
    await fleet.hub.api.apply(...definitions.map(translated));
  };
  const api: FollowedGuide["api"] = (project) => fleet.hub.api.inProject(projectOf(project));
  await prepare(copy, example);
  await apply(...example.definitions);

  const object: FollowedGuide["object"] = async (cluster, namespace, path) => {
    const [api, rest] = path.startsWith("apps/v1/") ? ["apis/apps/v1", path.slice(8)] : ["api/v1", path];
    const answer = await cluster.request("GET", `/${api}/namespaces/${namespaceOf(namespace)}/${rest}`);
    if (answer.status === 404) return undefined;
    expect(answer.status).toBe(200);
    return answer.json;
  };
  let isEnded = false;
  return {
    copy,
    api,
    apply,
    definitions: example.definitions,
    running: (app, { project, commit, ...wait } = {}) =>
      eventually(async () => {
        const detail = await api(project).app(app);
        expect(detail.problems).toEqual([]);
        if (commit !== undefined) expect(detail.release?.commit).toBe(commit);
        // A cluster whose content did not change stays at the Release that it has, and counts.
        const { clusters, atTarget } = detail.summary;
        expect({ clusters, atTarget }).toEqual({ clusters: detail.placements.length, atTarget: clusters });
        expect(clusters).toBeGreaterThan(0);
        for (const { assigned, observed } of detail.placements) {
          const { generation, digest } = assigned ?? {};
          expect(observed).toMatchObject({ phase: "Applied", sync: "Synced", generation, digest });
        }
        return detail;
      }, wait),
    object,
    data: async (cluster, namespace, name) => {
      const found = await object(cluster, namespace, `configmaps/${name}`);
      return found === undefined ? undefined : (found.data ?? {});
    },
    end: async () => {
      if (isEnded) return;
      isEnded = true;
      for (const { kind, metadata } of example.definitions) {
        if (kind === "App") await api(metadata.project).deleteApp(metadata.name);
      }
    },
  };
}

/** `https://git.example.com/web/shop.git` is `shop.git`. */
const repositoryOf = ({ kind, spec }: Definition): string[] =>
  kind === "Source" ? [String(spec.git.url).split("/").at(-1) ?? ""] : [];

async function pushFiles(copy: (repository?: string) => WorkingCopy, { files }: GuideExample): Promise<void> {
  for (const [repository, contents] of files) await copy(repository).commitAndPush(contents, "Begin");
}
