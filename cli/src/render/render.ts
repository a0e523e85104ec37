import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { otherSources, renderSpecOf, type VariantCluster } from "@muster/hub/core/variants.ts";
import { type AppRenderer, type AppRendering, createAppRenderer } from "@muster/hub/create-app-renderer.ts";
import { directoryOf } from "@muster/hub/flows/render/render-variant.ts";
import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { ProjectDefinition } from "@muster/shared/model/definitions/project.ts";
import { type ClusterId, digest as digestSchema, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { CommandContext } from "../commands/command-context.ts";
import { labelChange, scopedName } from "../commands/scoped-name.ts";
import type { HubFlags } from "../connection/hub-address.ts";
import { asTrouble, EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import { oneLine } from "../output/printable.ts";
import { problemText } from "../output/problem-text.ts";
import { findApp } from "./find-app.ts";
import { type Definitions, withDefinitions } from "./find-definitions.ts";
import { manifestsText, type ReadObject, readObjects } from "./manifests-text.ts";
import { createOrigins, type Origin, type Origins } from "./origins.ts";
import type { RenderOptions } from "./render-command.ts";
import { fetchSide, releaseToCompare, showDiff } from "./show-diff.ts";

/** An App with all that its render needs. */
interface Gathered {
  readonly app: AppDefinition;
  readonly cluster: VariantCluster | null;
  readonly project: ProjectDefinition | null;
  /** By what the App calls them; `""` is its own. */
  readonly origins: ReadonlyMap<string, Origin>;
}

interface Rendered {
  readonly objects: readonly ReadObject[];
  readonly namespace: string;
  readonly own: Origin;
}

/**
 * Renders one App for one cluster and prints it, or what it would change there. @throws Failure with every problem's file
 * and line; with exit code 1 also when `--diff` shows anything.
 */
export async function render(
  context: CommandContext,
  flags: HubFlags,
  name: string,
  options: RenderOptions,
): Promise<void> {
  const { terminal } = context;
  if (options.diff === undefined) {
    const { objects } = await renderHere(context, flags, name, options);
    return terminal.write(manifestsText(objects, options.output ?? "yaml"));
  }
  if (options.output !== undefined) {
    throw new Failure(EXIT.usage, "--diff shows lines that differ; -o is for what is rendered.", { fix: "Say one." });
  }
  const release = releaseToCompare(options.diff);
  const app = scopedName(name, options.project);
  const cluster = options.cluster ?? null;
  const [from, to] = await asTrouble(async () => {
    const { objects, namespace, own } = await renderHere(context, flags, name, options);
    const to = { title: own.title, objects, namespace };
    return [await fetchSide(context, flags, { app, cluster, release }), to] as const;
  });
  showDiff(context, { app, cluster, from, to });
}

async function renderHere(
  context: CommandContext,
  flags: HubFlags,
  name: string,
  options: RenderOptions,
): Promise<Rendered> {
  const signal = context.terminal.interrupted;
  const directory = await mkdtemp(join(tmpdir(), "muster-render-"));
  try {
    const renderer = await createAppRenderer({ directory, credentialsDirectory: options.credentialsDir ?? null });
    try {
      const gathered = await withDefinitions(context, flags, options.filename, (definitions) =>
        gather(definitions, { renderer, name, options, signal }),
      );
      const { app, cluster, project, origins } = gathered;
      if (project === null && app.metadata.project !== "default" && options.filename !== undefined) {
        const limits = `what the Project ${oneLine(app.metadata.project)} allows is not known here`;
        context.terminal.warn(`warning: ${limits}, and not looked at. Give its definition with -f.\n`);
      }
      const trees = new Map([...origins].map(([source, { tree }]) => [source, tree] as const));
      const sources = [...new Set([...origins.values()].flatMap(({ source }) => source ?? []))];
      const rendering = await renderer.render(
        { app, cluster, trees, rules: project?.spec ?? null, sources },
        { signal },
      );
      return tell(context, app, { rendering, cluster, own: origins.get("") as Origin });
    } finally {
      await renderer.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function gather(
  definitions: Definitions,
  given: { renderer: AppRenderer; name: string; options: RenderOptions; signal: AbortSignal },
): Promise<Gathered> {
  const { renderer, name, options, signal } = given;
  const locals = localSources(options.localSource ?? []);
  const origins = createOrigins({ renderer, definitions, local: options.local ?? null, locals, signal });
  const cluster = await clusterOf(definitions, options);
  const app = await findApp(scopedName(name, options.project), {
    definitions,
    treeOf: async (source, opts) => (await origins.of(source, opts)).tree,
    labels: cluster?.labels ?? {},
  });
  const project = await definitions.project(app.metadata.project);
  return { app, cluster, project, origins: await originsOf(origins, app) };
}

/** For `""`, for the Source's own name, and for every other that values come from. */
async function originsOf(origins: Origins, { metadata, spec }: AppDefinition): Promise<ReadonlyMap<string, Origin>> {
  const { project } = metadata;
  const own = await origins.of({ project, name: spec.source.name }, { isOwn: true });
  const all = new Map([
    ["", own],
    [spec.source.name, own],
  ]);
  for (const name of otherSources(renderSpecOf(spec))) {
    all.set(name, await origins.of({ project, name }, { isOwn: false }));
  }
  return all;
}

/** Says what was rendered, on standard error. @throws Failure when nothing was. */
function tell(
  { terminal }: CommandContext,
  app: AppDefinition,
  { rendering, cluster, own }: { rendering: AppRendering; cluster: VariantCluster | null; own: Origin },
): Rendered {
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
  if (cluster !== null && rendering.placement !== "selected") {
    const reason =
      rendering.placement === "not-selected"
        ? `selected by spec.clusters of ${title}`
        : `among the clusters of the Project ${oneLine(app.metadata.project)}`;
    terminal.warn(`warning: ${oneLine(cluster.name)} is not ${reason}; otherwise it would get this.\n`);
  }
  const objects = readObjects(rendering.bundle, digestSchema.parse(rendering.digest));
  const where = cluster === null ? "" : ` for ${oneLine(cluster.name)}`;
  const nameless = `objects without a namespace go to ${rendering.namespace}`;
  terminal.warn(
    `${title}${where} from ${oneLine(own.title)}: ${counted(objects.length, "object")}, by ${rendering.renderer}, ${rendering.digest}; ${nameless}\n`,
  );
  return { objects, namespace: rendering.namespace, own };
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

/** What is wrong, with the place where it was found; and nothing of what a hub would do about it. */
function placed(problem: Problem, { metadata, spec }: AppDefinition, { title, commit }: Origin): Problem {
  if (/^(Project|Quota)/.test(problem.code)) return problem; // of the definition, and not of a file
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
