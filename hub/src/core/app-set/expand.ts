import { type AppDefinition, appDefinition } from "@muster/shared/model/definitions/app.ts";
import type { AppSetDefinition } from "@muster/shared/model/definitions/app-set.ts";
import { API_VERSION } from "@muster/shared/model/definitions/common.ts";
import { type AppName, formatApp, name as nameSchema } from "@muster/shared/model/ids.ts";
import { explainIssues, formatPath } from "@muster/shared/model/parse-definition.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { z } from "zod";
import { fillTemplate, type ItemValues } from "./fill-template.ts";

type Json = z.core.util.JSONType;

/** One thing that a generator found. */
export type GeneratorItem =
  | { readonly kind: "directory"; readonly path: string }
  /** `content`: what the file holds, read as YAML; `null` for an empty one. */
  | { readonly kind: "file"; readonly path: string; readonly content: Json }
  | { readonly kind: "label"; readonly value: string };

/** Where an App comes from. */
export interface AppOrigin {
  readonly appSet: AppName;
  /** `directory apps/shop`, `file clusters/eu.yaml`, `label value eu`: the same as long as the item is there. */
  readonly item: string;
}

export interface ExpandedApp {
  readonly definition: AppDefinition;
  readonly origin: AppOrigin;
}

export interface Expansion {
  readonly apps: readonly ExpandedApp[];
  /** What is wrong; told at most twenty times. */
  readonly problems: readonly Problem[];
  /**
   * Items that are there, and gave no App because of a problem. An App of such an item stays as it was: only one whose
   * item is neither here nor among `apps` has gone.
   */
  readonly broken: readonly string[];
}

/** More Apps than this from one AppSet are taken for a mistake in its pattern. */
export const APPS_MAX = 5_000;
const PROBLEMS_MAX = 20;
/** Fields of one file, nested ones included. */
const FIELDS_MAX = 10_000;

/** The Apps of an AppSet: one for each item, or the reason why it gives none. Order follows the items. */
export function expandAppSet(appSet: AppSetDefinition, items: readonly GeneratorItem[]): Expansion {
  const set: AppName = { project: appSet.metadata.project, name: appSet.metadata.name };
  if (items.length > APPS_MAX) {
    const problem: Problem = {
      code: "TooManyObjects",
      message: `AppSet ${formatApp(set)} finds ${items.length} items, and an AppSet makes at most ${APPS_MAX} Apps. Its Apps stay as they are.`,
      where: { field: "spec.generator" },
      fix: "Narrow the pattern, or split it into several AppSets.",
    };
    return { apps: [], problems: [problem], broken: items.map(itemName) };
  }
  const results = items.map((item) => ({ item, ...expandItem(appSet, set, item) }));
  const owners = Map.groupBy(
    results.filter((result) => result.app !== null),
    ({ app }) => app?.definition.metadata.name as string,
  );
  const problems = results.flatMap((result) => result.problems);
  for (const [name, sharers] of owners) {
    if (sharers.length > 1)
      problems.push(
        sharedName(
          name,
          sharers.map(({ item }) => item),
        ),
      );
  }
  const isAlone = (app: ExpandedApp): boolean => owners.get(app.definition.metadata.name)?.length === 1;
  const apps = results.flatMap(({ app }) => (app !== null && isAlone(app) ? [app] : []));
  const good = new Set(apps.map(({ origin }) => origin.item));
  return {
    apps,
    problems: problems.slice(0, PROBLEMS_MAX),
    broken: items.map(itemName).filter((item) => !good.has(item)),
  };
}

export function itemName(item: GeneratorItem): string {
  if (item.kind === "label") return `label value ${item.value}`;
  return `${item.kind} ${item.path}`;
}

type ItemResult = { app: ExpandedApp; problems: [] } | { app: null; problems: readonly Problem[] };

function expandItem(appSet: AppSetDefinition, set: AppName, item: GeneratorItem): ItemResult {
  const values = valuesOf(item);
  if (values === null) return { app: null, problems: [noFields(item)] };
  const { template } = appSet.spec;
  const filled = fillTemplate(template as unknown as Json, values);
  if (filled.kind === "faulty") {
    const problems = filled.faults.map(({ code, message, fix, path }): Problem => {
      const field = formatPath(["spec", "template", ...path]);
      return { code, message: `${itemName(item)}: "${field}": ${message}`, where: whereOf(item, field), fix };
    });
    return { app: null, problems };
  }
  const { metadata, spec } = filled.value as { metadata: Record<string, Json>; spec: Json };
  const document: Json = {
    apiVersion: API_VERSION,
    kind: "App",
    metadata: { ...metadata, project: set.project },
    spec,
  };
  let parsed = appDefinition.safeParse(document);
  if (!parsed.success && wantText(document, parsed.error.issues, filled.typed)) {
    parsed = appDefinition.safeParse(document);
  }
  if (parsed.success)
    return { app: { definition: parsed.data, origin: { appSet: set, item: itemName(item) } }, problems: [] };
  const problems = explainIssues(appDefinition, document, parsed.error.issues).map(
    ({ code, path, message }): Problem => {
      const field = formatPath(["spec", "template", ...path]);
      const isName = path.join(".") === "metadata.name";
      return isName
        ? badName(item, String(metadata.name ?? ""), field)
        : { code, message: `${itemName(item)}: ${message}`, where: whereOf(item, field) };
    },
  );
  return { app: null, problems };
}

/** What a generator's variables stand for; null when a file holds no fields. */
function valuesOf(item: GeneratorItem): ItemValues | null {
  switch (item.kind) {
    case "label":
      return new Map([["label.value", item.value]]);
    case "directory": {
      const parts = item.path.split("/");
      const numbered = parts.map((part, index) => [`directory.segments.${index}`, part] as const);
      return new Map<string, Json>([
        ["directory.path", item.path],
        ["directory.name", parts.at(-1) as string],
        ...numbered,
      ]);
    }
    case "file": {
      if (typeof item.content !== "object" || item.content === null || Array.isArray(item.content)) return null;
      const baseName = item.path.split("/").at(-1) as string;
      const values = new Map<string, Json>([
        ["file.path", item.path],
        ["file.name", baseName.replace(/\.(?:ya?ml|json)$/i, "")],
      ]);
      // A field of the file's own by that name is what its author means.
      addFields(item.content, "file", values);
      return values;
    }
  }
}

function addFields(node: Json, prefix: string, values: Map<string, Json>): void {
  if (typeof node !== "object" || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (values.size >= FIELDS_MAX) return;
    const name = `${prefix}.${key}`;
    values.set(name, value as Json);
    addFields(value as Json, name, values);
  }
}

/**
 * `vars: { PORT: "${file.port}" }` with a port of 8080 means the text "8080": where text is wanted and a variable gave a
 * number or truth value, it becomes text in `document`. Whether anything did.
 */
function wantText(document: Json, issues: readonly z.core.$ZodIssue[], typed: ReadonlySet<string>): boolean {
  let isChanged = false;
  for (const issue of issues) {
    if (issue.code !== "invalid_type" || issue.expected !== "string") continue;
    const path = issue.path as (string | number)[];
    if (!typed.has(JSON.stringify(path))) continue;
    const parent = path.slice(0, -1).reduce<unknown>((node, step) => (node as Record<string, unknown>)[step], document);
    const last = path.at(-1) as string;
    const value = (parent as Record<string, unknown>)[last];
    if (typeof value !== "number" && typeof value !== "boolean") continue;
    (parent as Record<string, unknown>)[last] = String(value);
    isChanged = true;
  }
  return isChanged;
}

const whereOf = (item: GeneratorItem, field: string): Problem["where"] =>
  item.kind === "file" ? { path: item.path, field } : { field };

function noFields(item: GeneratorItem): Problem {
  return {
    code: "InvalidField",
    message: `${itemName(item)}: a file of an AppSet holds fields, as \`region: eu\`; this one holds none.`,
    where: whereOf(item, "spec.generator.files"),
    fix: "Give it fields, or leave it out with spec.generator.files.exclude.",
  };
}

function badName(item: GeneratorItem, given: string, field: string): Problem {
  const usable = slugOf(given);
  const what = { directory: "the directory", file: "the file, or its field,", label: "the label's value" }[item.kind];
  const rename = nameSchema.safeParse(usable).success ? `Rename ${what} so that it gives ${usable}` : `Rename ${what}`;
  return {
    code: "InvalidField",
    message: `${itemName(item)}: "${field}" becomes ${JSON.stringify(given.slice(0, 100))}, which is no name of an App: use lower-case letters, digits and '-', at most 63 characters.`,
    where: whereOf(item, field),
    fix: `${rename}, or build the name otherwise in spec.template.metadata.name.`,
  };
}

const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "");

function sharedName(name: string, items: readonly GeneratorItem[]): Problem {
  const shown = items.slice(0, 3).map(itemName);
  const more = items.length > shown.length ? ` and ${items.length - shown.length} more` : "";
  return {
    code: "InvalidField",
    message: `${shown.join(", ")}${more} all give an App called ${name}. None of them is made or changed.`,
    where: { field: "spec.template.metadata.name" },
    fix:
      items[0]?.kind === "directory"
        ? "Put more of the path into the name: ${directory.segments.0}-${directory.name}."
        : "Put something into the name that differs between them.",
  };
}
