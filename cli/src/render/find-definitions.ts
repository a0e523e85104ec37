import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { AppSetDefinition } from "@muster/shared/model/definitions/app-set.ts";
import type { ProjectDefinition } from "@muster/shared/model/definitions/project.ts";
import type { SourceDefinition } from "@muster/shared/model/definitions/source.ts";
import type { Definition } from "@muster/shared/model/definitions.ts";
import type { AppName } from "@muster/shared/model/ids.ts";
import { parseDefinition } from "@muster/shared/model/parse-definition.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import { answered, type HubClient } from "../api/client.ts";
import type { CommandContext } from "../commands/command-context.ts";
import type { HubFlags } from "../connection/hub-address.ts";
import { collectDefinitions } from "../definitions/collect-definitions.ts";
import { EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import { oneLine, printable } from "../output/printable.ts";

/** Where an App, its Sources, its Project and a cluster are looked up: in files, or at the hub. */
export interface Definitions {
  /** Where it is, in words that end a sentence: `in what was given with -f`. */
  readonly where: string;
  apps(): Promise<readonly AppDefinition[]>;
  appSets(): Promise<readonly AppSetDefinition[]>;
  /** Null: it is not defined there. */
  source(name: AppName): Promise<SourceDefinition | null>;
  /** Null: it is not defined there. */
  project(name: string): Promise<ProjectDefinition | null>;
  /** Of every cluster that is known. */
  labels(): Promise<readonly { readonly labels: Labels }[]>;
  /**
   * Labels, and facts as its agent reported them. Null: nothing is known of it. `mayBeUnknown`: nobody is asked who
   * might not answer, and a cluster that is not registered is no mistake.
   */
  cluster(name: string, opts: { mayBeUnknown: boolean }): Promise<KnownCluster | null>;
}

export interface KnownCluster {
  readonly labels: Labels;
  readonly facts: Readonly<Record<string, string>>;
}

/** @throws Failure that told every problem's file and line. */
export async function definitionsInFiles(
  { terminal }: Pick<CommandContext, "terminal">,
  paths: readonly string[],
): Promise<Definitions> {
  const { definitions: written, problems } = await collectDefinitions(paths, terminal.readInput);
  for (const { file, line, message } of problems) terminal.warn(`${oneLine(file)}:${line}: ${printable(message)}\n`);
  if (problems.length > 0) {
    throw new Failure(EXIT.failed, `Nothing was rendered: ${counted(problems.length, "problem")} above.`);
  }
  const definitions = written.flatMap(({ value }): Definition[] => {
    const parsed = parseDefinition(value);
    return parsed.kind === "valid" ? [parsed.definition] : [];
  });
  const sources = definitions.filter((one) => one.kind === "Source");
  const projects = definitions.filter((one) => one.kind === "Project");
  const clusters = definitions.filter((one) => one.kind === "Cluster");
  return {
    where: "in what was given with -f",
    apps: async () => definitions.filter((one) => one.kind === "App"),
    appSets: async () => definitions.filter((one) => one.kind === "AppSet"),
    source: async (name) => sources.find(isNamed(name)) ?? null,
    project: async (name) => projects.find(({ metadata }) => metadata.name === name) ?? null,
    labels: async () => clusters.map(({ metadata }) => ({ labels: metadata.labels ?? {} })),
    async cluster(name) {
      const found = clusters.find(({ metadata }) => metadata.name === name);
      return found === undefined ? null : { labels: found.metadata.labels ?? {}, facts: {} };
    },
  };
}

export function definitionsOfHub({ api, url }: Pick<HubClient, "api" | "url">): Definitions {
  const all = async (kind: "App" | "AppSet" | "Project" | "Source"): Promise<Definition[]> => {
    const { items } = await answered(api.GET("/v1/definitions", { params: { query: { kind } } }));
    return items.flatMap((item): Definition[] => {
      const parsed = parseDefinition(item);
      return parsed.kind === "valid" ? [parsed.definition] : [];
    });
  };
  return {
    where: `at ${url}`,
    apps: async () => (await all("App")).filter((one) => one.kind === "App"),
    appSets: async () => (await all("AppSet")).filter((one) => one.kind === "AppSet"),
    async source(name) {
      const sources = (await all("Source")).filter((one) => one.kind === "Source");
      return sources.find(isNamed(name)) ?? null;
    },
    async project(name) {
      const projects = (await all("Project")).filter((one) => one.kind === "Project");
      return projects.find(({ metadata }) => metadata.name === name) ?? null;
    },
    labels: async () => (await answered(api.GET("/v1/clusters"))).items,
    async cluster(name, { mayBeUnknown }) {
      const { data, error, response } = await api.GET("/v1/clusters/{name}", { params: { path: { name } } });
      if (response.status === 404 && mayBeUnknown) return null;
      const found = await answered(Promise.resolve({ data, error, response }));
      const minor = /^v?(\d+\.\d+)/.exec(found.kubernetesVersion ?? "")?.[1];
      const facts: KnownCluster["facts"] = minor === undefined ? {} : { kubernetes: minor };
      return { labels: found.labels, facts };
    },
  };
}

/** Files first, where there are any; of a cluster that they do not say, the hub is asked, where there is one. */
export async function withDefinitions<T>(
  context: CommandContext,
  flags: HubFlags,
  files: readonly string[] | undefined,
  work: (definitions: Definitions) => Promise<T>,
): Promise<T> {
  if (files === undefined) return withHubOnly(context, flags, work);
  const inFiles = await definitionsInFiles(context, files);
  return work({
    ...inFiles,
    async cluster(name, opts) {
      const said = await inFiles.cluster(name, opts);
      if (said !== null || opts.mayBeUnknown) return said;
      try {
        return await context.withHub(flags, (hub) => definitionsOfHub(hub).cluster(name, opts));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        // Most often there is none: files are all there is.
        if (error.exitCode === EXIT.refused) {
          context.terminal.warn(`warning: ${oneLine(name)} has no labels here, and the hub was not asked for them: `);
          context.terminal.warn(`${printable(error.message)} Give them with --label.\n`);
          return null;
        }
        throw new Failure(error.exitCode, `The labels of ${name} are not known: ${error.message}`, {
          fix: `Give them with --label, or as a Cluster document with -f.${error.fix === undefined ? "" : ` ${error.fix}`}`,
          cause: error,
        });
      }
    },
  });
}

async function withHubOnly<T>(
  context: CommandContext,
  flags: HubFlags,
  work: (definitions: Definitions) => Promise<T>,
): Promise<T> {
  try {
    return await context.withHub(flags, (hub) => work(definitionsOfHub(hub)));
  } catch (error) {
    if (!(error instanceof Failure) || (error.exitCode !== EXIT.refused && error.exitCode !== EXIT.unreachable))
      throw error;
    const fix = `To do without a hub, give the definitions with -f.${error.fix === undefined ? "" : `\n${error.fix}`}`;
    throw new Failure(error.exitCode, error.message, { fix, cause: error });
  }
}

export const isNamed =
  (name: AppName) =>
  ({ metadata }: { metadata: AppName }): boolean =>
    metadata.project === name.project && metadata.name === name.name;
