import type { Definition } from "@muster/shared/model/definitions.ts";
import { isNotice } from "@muster/shared/model/problem.ts";
import { withoutDefaults } from "@muster/shared/model/without-defaults.ts";
import type { Command } from "commander";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import { driftText, placementText } from "../output/placement-text.ts";
import { problemText } from "../output/problem-text.ts";
import type { Terminal } from "../output/terminal.ts";
import {
  appColumns,
  appSetColumns,
  clusterColumns,
  placementColumns,
  projectColumns,
  releaseColumns,
  sourceColumns,
} from "../output/views.ts";
import { type FieldColumn, forPrograms, type OutputFormat, outputOption, tableOf } from "../output/write-output.ts";
import type { CommandContext } from "./command-context.ts";
import { scopedName } from "./scoped-name.ts";
import { watchHub } from "./watch.ts";

interface GetOptions {
  readonly output: OutputFormat;
  readonly project?: string;
  readonly watch?: true;
  readonly cluster?: string;
  readonly defaults?: true;
}

const NOUNS = {
  source: "sources",
  app: "apps",
  appset: "appsets",
  project: "projects",
  cluster: "clusters",
  release: "releases",
} as const;
type Noun = (typeof NOUNS)[keyof typeof NOUNS];

export function addGetCommand(program: Command, context: CommandContext): void {
  program
    .command("get <noun> [name]")
    .description(
      "show sources, apps, appsets, projects, clusters, or the releases of an app; one in detail when it is named",
    )
    .option("-p, --project <project>", "only this project; names without one are meant in it")
    .option("-c, --cluster <name>", "of an App: its objects, drift and problems in this cluster")
    .option("-w, --watch", "show it anew at every change")
    .addOption(outputOption())
    .option("--defaults", "with -o yaml or json of one: fields that were left out, too")
    .action(async (word: string, name: string | undefined, options: GetOptions, command: Command) => {
      const noun = nounOf(word);
      if (options.cluster !== undefined && (noun !== "apps" || name === undefined)) {
        const fix = "muster get app NAME --cluster CLUSTER";
        throw new Failure(EXIT.usage, "--cluster looks into one App in one cluster.", { fix });
      }
      await context.withHub(command.optsWithGlobals(), (hub) =>
        watchHub(context, hub, { isWatching: options.watch === true }, () =>
          name === undefined
            ? listText(context.terminal, hub, noun, options)
            : detailText(context.terminal, hub, noun, name, options),
        ),
      );
    });
}

function nounOf(word: string): Noun {
  const nouns = Object.values(NOUNS);
  const noun = nouns.find((known) => known === word) ?? NOUNS[word as keyof typeof NOUNS];
  if (noun === undefined)
    throw new Failure(EXIT.usage, `"${word}" is nothing to get.`, { fix: `Known: ${nouns.join(", ")}.` });
  return noun;
}

async function listText(terminal: Terminal, { api }: HubClient, noun: Noun, options: GetOptions): Promise<string> {
  const now = terminal.now();
  const inProject = <T extends { project: string }>(items: readonly T[]) =>
    options.project === undefined ? items : items.filter((item) => item.project === options.project);
  switch (noun) {
    case "sources":
      return shown(
        terminal,
        options,
        inProject((await answered(api.GET("/v1/sources"))).items),
        sourceColumns(now),
        "Source",
      );
    case "apps":
      return shown(terminal, options, inProject((await answered(api.GET("/v1/apps"))).items), appColumns(now), "App");
    case "clusters":
      return shown(terminal, options, (await answered(api.GET("/v1/clusters"))).items, clusterColumns(now), "Cluster");
    case "appsets":
      return shown(
        terminal,
        options,
        inProject((await answered(api.GET("/v1/appsets"))).items),
        appSetColumns,
        "AppSet",
      );
    case "projects":
      return shown(terminal, options, (await answered(api.GET("/v1/projects"))).items, projectColumns, "Project");
    case "releases":
      throw new Failure(EXIT.usage, "Releases of which App?", { fix: "muster get releases PROJECT/APP" });
  }
}

function shown<T>(
  terminal: Terminal,
  options: GetOptions,
  items: readonly T[],
  columns: readonly FieldColumn<T>[],
  noun: string,
): string {
  const forMachines = forPrograms(options.output, items);
  if (forMachines !== null) return forMachines;
  return items.length === 0 ? `No ${noun}s.\n` : tableOf(terminal, options.output, columns, items);
}

async function detailText(
  terminal: Terminal,
  hub: HubClient,
  noun: Noun,
  name: string,
  options: GetOptions,
): Promise<string> {
  const { api } = hub;
  const now = terminal.now();
  const isForPrograms = options.output === "json" || options.output === "yaml";
  if (noun === "clusters") {
    const item = await answered(api.GET("/v1/clusters/{name}", { params: { path: { name } } }));
    if (isForPrograms)
      return forPrograms(options.output, await withDefinition(hub, "Cluster", name, item, options)) ?? "";
    return tableOf(terminal, options.output ?? "wide", clusterColumns(now), [item]);
  }
  if (noun === "projects") {
    const { items } = await answered(api.GET("/v1/projects"));
    const item = items.find((one) => one.name === name);
    if (item === undefined) throw new Failure(EXIT.notFound, `There is no Project ${name}.`);
    if (isForPrograms)
      return forPrograms(options.output, await withDefinition(hub, "Project", name, item, options)) ?? "";
    return tableOf(terminal, options.output, projectColumns, [item]);
  }
  const scoped = scopedName(name, options.project);
  const params = { path: scoped };
  if (noun === "sources") {
    const item = await answered(api.GET("/v1/projects/{project}/sources/{name}", { params }));
    if (isForPrograms)
      return forPrograms(options.output, await withDefinition(hub, "Source", scoped, item, options)) ?? "";
    return (
      tableOf(terminal, options.output, sourceColumns(now), [item]) +
      problemsBelow(terminal, item.problems) +
      definitionsBelow(terminal, item)
    );
  }
  if (noun === "appsets") {
    const item = await answered(api.GET("/v1/projects/{project}/appsets/{name}", { params }));
    if (isForPrograms)
      return forPrograms(options.output, await withDefinition(hub, "AppSet", scoped, item, options)) ?? "";
    return tableOf(terminal, options.output, appSetColumns, [item]) + problemsBelow(terminal, item.problems);
  }
  if (noun === "releases") {
    const { items } = await answered(api.GET("/v1/projects/{project}/apps/{name}/releases", { params }));
    return forPrograms(options.output, items) ?? tableOf(terminal, options.output, releaseColumns(now), items);
  }
  if (options.cluster !== undefined) {
    const detail = await placementOf(hub, scoped, options.cluster);
    return forPrograms(options.output, detail) ?? placementText(terminal, detail, options.output);
  }
  const item = await answered(api.GET("/v1/projects/{project}/apps/{name}", { params }));
  if (isForPrograms) return forPrograms(options.output, await withDefinition(hub, "App", scoped, item, options)) ?? "";
  const placements =
    item.placements.length === 0
      ? "It is placed on no cluster.\n"
      : tableOf(terminal, options.output, placementColumns(now), item.placements);
  const drift = driftText(terminal, await placementDetails(hub, scoped, item.placements));
  const below = `${problemsBelow(terminal, [...item.problems, ...(item.notices ?? [])])}${drift === "" ? "" : `\n${drift}`}`;
  return `${tableOf(terminal, options.output, appColumns(now), [item])}\n${placements}${below}`;
}

const placementOf = ({ api }: HubClient, scoped: { project: string; name: string }, cluster: string) =>
  answered(
    api.GET("/v1/projects/{project}/apps/{name}/placements/{cluster}", { params: { path: { ...scoped, cluster } } }),
  );

/** Asked of so many clusters at most: drift is told beside the fleet, and not worth a thousand calls. */
const DETAILS_MAX = 10;

/** Of those that report drift first. One that is gone by now, or cannot be told, is left out. */
async function placementDetails(
  hub: HubClient,
  scoped: { project: string; name: string },
  placements: readonly Schemas["Placement"][],
): Promise<Schemas["PlacementDetail"][]> {
  const reported = placements.filter(({ observed }) => observed !== null);
  const asked = reported.toSorted((a, b) => (b.observed?.drift ?? 0) - (a.observed?.drift ?? 0)).slice(0, DETAILS_MAX);
  const answers = await Promise.allSettled(asked.map(({ cluster }) => placementOf(hub, scoped, cluster)));
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
}

const problemsBelow = ({ paint }: Terminal, problems: readonly Schemas["Problem"][]): string =>
  problems
    .map((problem) => `\n${isNotice(problem) ? paint("busy", "!") : paint("bad", "✗")} ${problemText(problem)}\n`)
    .join("");

/** What a Source says of the definitions it holds. */
function definitionsBelow(terminal: Terminal, { definitions }: Schemas["Source"]): string {
  if (definitions == null) return "";
  const { path, commit, documents, problems, fleet } = definitions;
  const read = commit === null ? "not read yet" : `${counted(documents, "document")} at commit ${commit.slice(0, 7)}`;
  const level = fleet ? " (fleet-level)" : "";
  return `\nDefinitions in ${path === "" ? "." : path}${level}: ${read}\n${problemsBelow(terminal, problems)}`;
}

/** In Kubernetes' shape: what is wanted, and under `status` how it is. It can be applied again as it stands. */
async function withDefinition(
  { api }: HubClient,
  kind: "Source" | "App" | "AppSet" | "Project" | "Cluster",
  name: string | { project: string; name: string },
  status: object,
  { defaults }: GetOptions,
): Promise<object> {
  const { items } = await answered(api.GET("/v1/definitions", { params: { query: { kind } } }));
  const definition = items.find(({ metadata }) => {
    if (typeof name === "string") return metadata.name === name;
    return metadata.name === name.name && "project" in metadata && metadata.project === name.project;
  });
  if (definition === undefined) return status;
  return { ...(defaults === true ? definition : withoutDefaults(definition as Definition)), status };
}
