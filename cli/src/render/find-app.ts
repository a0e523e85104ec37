import { expandAppSet, type GeneratorItem } from "@muster/hub/core/app-set/expand.ts";
import { labelValues } from "@muster/hub/core/app-set/select-items.ts";
import { findItems } from "@muster/hub/flows/definitions/find-items.ts";
import type { SourceTree } from "@muster/hub/ports/source-tree.ts";
import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { AppSetDefinition } from "@muster/shared/model/definitions/app-set.ts";
import { type AppName, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import { nearestName } from "@muster/shared/nearest-name.ts";
import { EXIT, Failure } from "../failure.ts";
import { oneLine } from "../output/printable.ts";
import { problemText } from "../output/problem-text.ts";
import { type Definitions, isNamed } from "./find-definitions.ts";

const NAMED_MAX = 10;

export interface AppSearch {
  readonly definitions: Pick<Definitions, "where" | "apps" | "appSets" | "labels">;
  /** The files of a Source that an AppSet looks into; `isOwn`: it is the one that its Apps are of as well. */
  readonly treeOf: (source: AppName, opts: { isOwn: boolean }) => Promise<SourceTree>;
  /** Of the cluster that is rendered for: a value of its label may be one that no other has. */
  readonly labels: Labels;
}

/**
 * An App as it is defined, or as an AppSet makes it of what is found now. @throws Failure when there is none, with what
 * is wrong with the AppSets that might have made it.
 */
export async function findApp(name: AppName, search: AppSearch): Promise<AppDefinition> {
  const { definitions } = search;
  const defined = await definitions.apps();
  const found = defined.find(isNamed(name));
  if (found !== undefined) return found;
  const sets = (await definitions.appSets()).filter(({ metadata }) => metadata.project === name.project);
  const problems: string[] = [];
  const made: AppDefinition[] = [];
  for (const set of sets) {
    const expansion = await expand(set, search);
    made.push(...expansion.apps);
    const title = `AppSet ${formatApp(set.metadata)}`;
    problems.push(...expansion.problems.map((problem) => `${title}: ${problemText(problem)}`));
  }
  const app = made.find(isNamed(name));
  if (app !== undefined) return app;
  throw noApp(name, [...defined, ...made], { where: definitions.where, problems });
}

async function expand(
  set: AppSetDefinition,
  search: AppSearch,
): Promise<{ apps: readonly AppDefinition[]; problems: readonly Problem[] }> {
  const found = await itemsOf(set, search);
  if ("code" in found) return { apps: [], problems: [found] };
  const { apps, problems } = expandAppSet(set, found.items);
  return { apps: apps.map(({ definition }) => definition), problems: [...found.problems, ...problems] };
}

async function itemsOf(
  { metadata, spec }: AppSetDefinition,
  { definitions, treeOf, labels }: AppSearch,
): Promise<{ items: readonly GeneratorItem[]; problems: readonly Problem[] } | Problem> {
  const { clusterLabel, directories, files } = spec.generator;
  if (clusterLabel !== undefined) {
    const values = labelValues(clusterLabel.key, [...(await definitions.labels()), { labels }]);
    return { items: values.map((value) => ({ kind: "label", value })), problems: [] };
  }
  const generator = directories ?? files;
  if (generator === undefined) throw new Error("an AppSet without a generator passed its schema");
  const tree = await treeOf(
    { project: metadata.project, name: generator.source },
    { isOwn: ownSourceOf(spec.template.spec) === generator.source },
  );
  const found = await findItems(directories === undefined ? "file" : "directory", generator, tree);
  if ("code" in found) return found;
  return { items: found.items, problems: found.unread.map(({ problem }) => problem) };
}

/** The Source that the template's Apps are of, where that is the same for all of them. */
function ownSourceOf(spec: Readonly<Record<string, unknown>>): string | null {
  const { name } = (spec.source ?? {}) as { name?: unknown };
  return typeof name === "string" ? name : null;
}

function noApp(
  name: AppName,
  apps: readonly AppDefinition[],
  { where, problems }: { where: string; problems: readonly string[] },
): Failure {
  const names = apps.map(({ metadata }) => formatApp(metadata)).sort();
  const nearest = nearestName(formatApp(name), names);
  const shown = names.slice(0, NAMED_MAX).join(", ");
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : "";
  const known = names.length === 0 ? "There is none." : `There are: ${shown}${more}.`;
  const message = [`There is no App ${oneLine(formatApp(name))} ${where}.`, ...problems].join("\n");
  return new Failure(EXIT.notFound, message, { fix: nearest === null ? known : `Did you mean ${nearest}?` });
}
