import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openDirectoryTree } from "@muster/hub/adapters/directory/directory-tree.ts";
import { otherSources, renderSpecOf, type VariantCluster } from "@muster/hub/core/variants.ts";
import { type AppRenderer, type AppRendering, createAppRenderer } from "@muster/hub/create-app-renderer.ts";
import { directoryOf } from "@muster/hub/flows/render/render-variant.ts";
import type { SourceTree } from "@muster/hub/ports/source-tree.ts";
import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { SourceDefinition } from "@muster/shared/model/definitions/source.ts";
import { type ClusterId, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { CommandContext } from "../commands/command-context.ts";
import { labelChange, scopedName } from "../commands/scoped-name.ts";
import type { HubFlags } from "../connection/hub-address.ts";
import { EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import { oneLine } from "../output/printable.ts";
import { problemText } from "../output/problem-text.ts";
import { type Definitions, withDefinitions } from "./find-definitions.ts";
import { manifestsText, readObjects } from "./manifests-text.ts";
import type { RenderOptions } from "./render-command.ts";

/** Where an App's files are taken from, in words, and what of its problems' places is known. */
interface Origin {
  readonly tree: SourceTree;
  /** `.`, or `https://… at 4f2c9e1`. */
  readonly title: string;
  readonly commit: string | null;
}

/** Renders one App for one cluster and prints it. @throws Failure with every problem's file and line. */
export async function render(
  context: CommandContext,
  flags: HubFlags,
  name: string,
  options: RenderOptions,
): Promise<void> {
  const { terminal } = context;
  const wanted = scopedName(name, options.project);
  const locals = localSources(options.localSource ?? []);
  const signal = terminal.interrupted;
  const { app, cluster, sources } = await withDefinitions(context, flags, options.filename, async (definitions) => {
    const app = await definitions.app(wanted);
    const cluster = await clusterOf(definitions, options);
    return { app, cluster, sources: await sourcesOf(definitions, app, new Set(locals.keys()), options) };
  });
  const directory = await mkdtemp(join(tmpdir(), "muster-render-"));
  try {
    const renderer = await createAppRenderer({ directory, credentialsDirectory: options.credentialsDir ?? null });
    try {
      const origins = await openOrigins(renderer, app, { sources, locals, options, signal });
      const own = origins.get("") as Origin;
      const trees = new Map([...origins].map(([source, { tree }]) => [source, tree] as const));
      const rendering = await renderer.render({ app, cluster, trees }, { signal });
      await show(context, app, { rendering, cluster, own, output: options.output });
    } finally {
      await renderer.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function show(
  { terminal }: CommandContext,
  app: AppDefinition,
  given: { rendering: AppRendering; cluster: VariantCluster | null; own: Origin; output: RenderOptions["output"] },
): Promise<void> {
  const { rendering, cluster, own, output } = given;
  const title = oneLine(formatApp(app.metadata));
  if (rendering.kind === "needs-cluster") {
    throw new Failure(EXIT.usage, `What ${title} is differs from cluster to cluster.`, {
      fix: "Name one with --cluster.",
    });
  }
  if (rendering.kind === "invalid") {
    const told = rendering.problems.map((problem) => problemText(placed(problem, app, own)));
    throw new Failure(EXIT.failed, `${title} cannot be rendered from ${oneLine(own.title)}:\n${told.join("\n")}`);
  }
  for (const notice of rendering.notices) terminal.warn(`warning: ${problemText(notice)}\n`);
  if (cluster !== null && !rendering.isSelected) {
    terminal.warn(
      `warning: ${oneLine(cluster.name)} is not selected by spec.clusters of ${title}; it would get this.\n`,
    );
  }
  const objects = readObjects(rendering.bundle);
  const where = cluster === null ? "" : ` for ${oneLine(cluster.name)}`;
  const nameless = `objects without a namespace go to ${rendering.namespace}`;
  terminal.warn(
    `${title}${where} from ${oneLine(own.title)}: ${counted(objects.length, "object")}, by ${rendering.renderer}, ${rendering.digest}; ${nameless}\n`,
  );
  terminal.write(manifestsText(objects, output ?? "yaml"));
}

/** The cluster that was named, with what is known of it and what was said over that. */
async function clusterOf(
  definitions: Definitions,
  { cluster: name, label = [], fact = [] }: RenderOptions,
): Promise<VariantCluster | null> {
  const { set, remove } = labelChange(label, { allowRemoval: true });
  const facts = labelChange(fact, { allowRemoval: false }).set;
  if (name === undefined) {
    if (label.length + fact.length === 0) return null;
    throw new Failure(EXIT.usage, "--label and --fact are of a cluster.", { fix: "Name it with --cluster." });
  }
  const known = await definitions.cluster(name, { mayBeUnknown: label.length > 0 });
  const labels = { ...known?.labels, ...set };
  for (const key of remove) delete labels[key];
  return { id: name as ClusterId, name, labels, facts: { ...known?.facts, ...facts } };
}

/** The Sources that have to be fetched, by what the App calls them: `""` is its own. */
async function sourcesOf(
  definitions: Definitions,
  app: AppDefinition,
  locals: ReadonlySet<string>,
  { local, filename }: RenderOptions,
): Promise<ReadonlyMap<string, SourceDefinition>> {
  const { project } = app.metadata;
  const { name: own } = app.spec.source;
  const sources = new Map<string, SourceDefinition>();
  for (const name of ["", ...otherSources(renderSpecOf(app.spec))]) {
    const found = await definitions.source({ project, name: name || own });
    if (found !== null) sources.set(name, found);
    else if (name === "" ? local === undefined : !locals.has(name)) {
      const where = filename === undefined ? "at the hub" : "in what was given with -f";
      const flag = name === "" ? "--local DIR" : `--local-source ${name}=DIR`;
      throw new Failure(EXIT.notFound, `There is no Source ${project}/${name || own} ${where}.`, {
        fix: `Define it, or render a checkout of it with ${flag}.`,
      });
    }
  }
  return sources;
}

/** `env=../env` → `env`, and the folder. */
function localSources(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    words.map((word) => {
      const at = word.indexOf("=");
      if (at > 0 && at < word.length - 1) return [word.slice(0, at), word.slice(at + 1)] as const;
      throw new Failure(EXIT.usage, `"${word}" is no Source and folder.`, { fix: "Write --local-source NAME=DIR." });
    }),
  );
}

/** A tree for `""`, for the Source's own name, and for every other that values come from. */
async function openOrigins(
  renderer: AppRenderer,
  app: AppDefinition,
  given: {
    sources: ReadonlyMap<string, SourceDefinition>;
    locals: ReadonlyMap<string, string>;
    options: RenderOptions;
    signal: AbortSignal;
  },
): Promise<ReadonlyMap<string, Origin>> {
  const { sources, locals, options, signal } = given;
  const { name: ownName } = app.spec.source;
  const origins = new Map<string, Origin>();
  for (const name of ["", ...otherSources(renderSpecOf(app.spec))]) {
    const source = sources.get(name);
    const folder = name === "" ? (options.local ?? locals.get(ownName)) : locals.get(name);
    const isNeeded = folder !== undefined || source !== undefined;
    if (isNeeded)
      origins.set(
        name,
        folder === undefined ? await fetched(renderer, source, signal) : await checkout(folder, source),
      );
  }
  return origins.set(ownName, origins.get("") as Origin);
}

async function checkout(folder: string, source: SourceDefinition | undefined): Promise<Origin> {
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() !== true) throw new Failure(EXIT.usage, `There is no folder ${folder}.`);
  const tree = openDirectoryTree(resolve(folder), { submodules: source?.spec.git?.submodules === true });
  return { tree, title: folder, commit: null };
}

async function fetched(
  renderer: AppRenderer,
  source: SourceDefinition | undefined,
  signal: AbortSignal,
): Promise<Origin> {
  if (source === undefined) throw new Error("a source that is neither here nor defined");
  const { tree, revision, subject } = await renderer.fetch(source, { signal });
  const url = source.spec.git?.url ?? source.spec.oci?.url ?? "";
  return { tree, title: `${url} at ${revision.slice(0, 7)} "${subject}"`, commit: revision };
}

/** What is wrong, with the place where it was found; and nothing of what a hub would do about it. */
function placed(problem: Problem, { metadata, spec }: AppDefinition, { title, commit }: Origin): Problem {
  const { path } = spec.source;
  const where = { path, ...(commit === null ? {} : { commit }), ...problem.where };
  const isOwnPath = directoryOf({ path: problem.where.path ?? path }) === directoryOf({ path });
  if (problem.code === "PathNotFound" && isOwnPath) {
    const message = `There is no directory "${path}" in ${title}.`;
    const isLocal = commit === null ? "--local names the root of a checkout; " : "";
    return { ...problem, message, where: {}, fix: `${isLocal}spec.source.path of ${formatApp(metadata)} is below it.` };
  }
  if (problem.code === "NothingRendered")
    return { code: problem.code, message: `"${path}" holds no Kubernetes object.`, where };
  return { ...problem, where };
}
