import { type Command, Option } from "commander";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
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
}

const NOUNS = { source: "sources", app: "apps", cluster: "clusters", release: "releases" } as const;
type Noun = (typeof NOUNS)[keyof typeof NOUNS];

export function addGetCommand(program: Command, context: CommandContext): void {
  program
    .command("get <noun> [name]")
    .description("show sources, apps, clusters, or the releases of an app; one of them in detail when it is named")
    .option("-p, --project <project>", "only this project; names without one are meant in it")
    .option("-w, --watch", "show it anew at every change")
    .addOption(outputOption())
    .addOption(new Option("--defaults", "show fields that were left out, too (always so for now)").hideHelp())
    .action(async (word: string, name: string | undefined, options: GetOptions, command: Command) => {
      const noun = nounOf(word);
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
  const item = await answered(api.GET("/v1/projects/{project}/apps/{name}", { params }));
  if (isForPrograms) return forPrograms(options.output, await withDefinition(hub, "App", scoped, item)) ?? "";
  const placements =
    item.placements.length === 0
      ? "It is placed on no cluster.\n"
      : tableOf(terminal, options.output, placementColumns(now), item.placements);
  return `${tableOf(terminal, options.output, appColumns(now), [item])}\n${placements}${problemsBelow(terminal, item.problems)}`;
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
