import { type Command, Option } from "commander";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
import { driftText, placementText } from "../output/placement-text.ts";
import { problemText } from "../output/problem-text.ts";
import type { Terminal } from "../output/terminal.ts";
import { appColumns, clusterColumns, placementColumns, releaseColumns, sourceColumns } from "../output/views.ts";
import { type FieldColumn, forPrograms, type OutputFormat, outputOption, tableOf } from "../output/write-output.ts";
import type { CommandContext } from "./command-context.ts";
import { scopedName } from "./scoped-name.ts";
import { watchHub } from "./watch.ts";

interface GetOptions {
  readonly output: OutputFormat;
  readonly project?: string;
  readonly watch?: true;
  readonly cluster?: string;
}

const NOUNS = { source: "sources", app: "apps", cluster: "clusters", release: "releases" } as const;
type Noun = (typeof NOUNS)[keyof typeof NOUNS];

export function addGetCommand(program: Command, context: CommandContext): void {
  program
    .command("get <noun> [name]")
    .description("show sources, apps, clusters, or the releases of an app; one of them in detail when it is named")
    .option("-p, --project <project>", "only this project; names without one are meant in it")
    .option("-c, --cluster <name>", "of an App: its objects, drift and problems in this cluster")
    .option("-w, --watch", "show it anew at every change")
    .addOption(outputOption())
    .addOption(new Option("--defaults", "show fields that were left out, too (always so for now)").hideHelp())
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
    if (isForPrograms) return forPrograms(options.output, await withDefinition(hub, "Cluster", name, item)) ?? "";
    return tableOf(terminal, options.output ?? "wide", clusterColumns(now), [item]);
  }
  const scoped = scopedName(name, options.project);
  const params = { path: scoped };
  if (noun === "sources") {
    const item = await answered(api.GET("/v1/projects/{project}/sources/{name}", { params }));
    if (isForPrograms) return forPrograms(options.output, await withDefinition(hub, "Source", scoped, item)) ?? "";
    return tableOf(terminal, options.output, sourceColumns(now), [item]) + problemsBelow(terminal, item.problems);
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
  if (isForPrograms) return forPrograms(options.output, await withDefinition(hub, "App", scoped, item)) ?? "";
  const placements =
    item.placements.length === 0
      ? "It is placed on no cluster.\n"
      : tableOf(terminal, options.output, placementColumns(now), item.placements);
  const drift = driftText(terminal, await placementDetails(hub, scoped, item.placements));
  const below = `${problemsBelow(terminal, item.problems)}${drift === "" ? "" : `\n${drift}`}`;
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
  problems.map((problem) => `\n${paint("bad", "✗")} ${problemText(problem)}\n`).join("");

/** In Kubernetes' shape: what is wanted, and under `status` how it is. It can be applied again as it stands. */
async function withDefinition(
  { api }: HubClient,
  kind: "Source" | "App" | "Cluster",
  name: string | { project: string; name: string },
  status: object,
): Promise<object> {
  const { items } = await answered(api.GET("/v1/definitions", { params: { query: { kind } } }));
  const definition = items.find(({ metadata }) => {
    if (typeof name === "string") return metadata.name === name;
    return metadata.name === name.name && "project" in metadata && metadata.project === name.project;
  });
  return definition === undefined ? status : { ...definition, status };
}
