import { referencesIn, substituteValue } from "@muster/shared/manifest/substitute-value.ts";
import type { AppSpec, Override, ValuesFile } from "@muster/shared/model/definitions/app.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import { nearestName } from "@muster/shared/nearest-name.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import { compileSelector } from "./placement.ts";
import type { BundleTransform, ObjectPatch } from "./transform/bundle-transform.ts";

/** What of an App decides how it is rendered: frozen into each of its Releases. */
export type RenderSpec = Pick<AppSpec, "source" | "render" | "destination" | "vars" | "substitute" | "overrides">;

export const renderSpecOf = ({ source, render, destination, vars, substitute, overrides }: AppSpec): RenderSpec => ({
  source,
  render,
  destination,
  vars,
  substitute,
  overrides,
});

/** Names of the Sources beside its own that an App's values come from, in its own project. */
export function otherSources({ source, render, overrides }: RenderSpec): readonly string[] {
  const files = [...(render.helm?.values ?? []), ...overrides.flatMap(({ helm }) => helm?.values ?? [])];
  const named = files.flatMap((file) => (typeof file === "string" || file.source === undefined ? [] : [file.source]));
  return [...new Set(named)].filter((name) => name !== source.name).sort();
}

/** What a variant may depend on. Facts are what the agent says of its cluster. */
export interface VariantCluster {
  readonly id: ClusterId;
  readonly name: string;
  readonly labels: Labels;
  readonly facts: Readonly<Record<string, string>>;
}

type Helm = NonNullable<RenderSpec["render"]["helm"]>;

/** One distinct set of inputs: everything about it is resolved, so equal inputs are rendered once. */
export interface VariantInput {
  /** The App's directory, as written. */
  readonly path: string;
  readonly render: Pick<RenderSpec["render"], "plain" | "kustomize"> & {
    readonly helm?: (Omit<Helm, "values"> & { readonly values: readonly ValuesFile[] }) | undefined;
  };
  readonly capabilities: { readonly kubernetes: string | null; readonly apiVersions: readonly string[] };
  readonly namespace: string;
  readonly createNamespace: boolean;
  readonly transform: BundleTransform;
  /** Values of the variables that the manifests mention; null where manifests are taken as they stand. */
  readonly values: Readonly<Record<string, string>> | null;
}

export interface Variant {
  /** Hash of the input. */
  readonly key: string;
  readonly input: VariantInput;
}

export type Resolved =
  | { readonly kind: "variant"; readonly variant: Variant }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/**
 * A function from cluster to variant. Clusters that match the same overrides and have the same values for the variables
 * that are mentioned share the work as well as the result. `references`: the variables that the manifests mention, as
 * far as they are known.
 */
export function resolveVariants(
  spec: RenderSpec,
  references: readonly string[],
  hash: (text: string) => string,
): (cluster: VariantCluster | null) => Resolved {
  const mentioned = clusterReferences(spec, references);
  const known = new Map<string, Resolved>();
  const matches = spec.overrides.map(({ clusters }) => compileSelector(clusters));
  return (cluster) => {
    const matched = matches.map((wants) => cluster !== null && wants(cluster));
    const values = cluster === null ? {} : clusterValues(cluster);
    const signature = JSON.stringify([
      matched,
      mentioned.map((name) => values[name] ?? null),
      spec.render.capabilities.live && cluster !== null ? (cluster.facts["kubernetes"] ?? null) : null,
    ]);
    const found = known.get(signature);
    if (found) return found;
    const overrides = spec.overrides.filter((_, index) => matched[index]);
    const resolved = resolve(spec, overrides, values, {
      references,
      kubernetes: cluster?.facts["kubernetes"] ?? null,
      hash,
    });
    known.set(signature, resolved);
    return resolved;
  };
}

/** Whether every cluster gets the same, whatever it is called and labelled. */
export const isUniform = (spec: RenderSpec, references: readonly string[]): boolean =>
  spec.overrides.length === 0 && clusterReferences(spec, references).length === 0 && !spec.render.capabilities.live;

/** Variables of the cluster that the App's own fields or its manifests mention. */
function clusterReferences(spec: RenderSpec, references: readonly string[]): readonly string[] {
  const names = new Set([...referencesIn(withoutSelectors(spec)), ...(spec.substitute ? references : [])]);
  return [...names].filter((name) => name.startsWith("cluster.")).sort();
}

const withoutSelectors = (spec: RenderSpec): unknown => ({
  ...spec,
  overrides: spec.overrides.map(({ clusters: _, ...rest }) => rest),
});

function clusterValues({ name, labels, facts }: VariantCluster): Record<string, string> {
  const values: Record<string, string> = { "cluster.name": name };
  for (const [key, value] of Object.entries(labels)) values[`cluster.labels.${key}`] = value;
  for (const [key, value] of Object.entries(facts)) values[`cluster.facts.${key}`] = value;
  return values;
}

function resolve(
  spec: RenderSpec,
  overrides: readonly Override[],
  cluster: Readonly<Record<string, string>>,
  {
    references,
    kubernetes,
    hash,
  }: {
    references: readonly string[];
    kubernetes: string | null;
    hash: (text: string) => string;
  },
): Resolved {
  // Variables may be made of the cluster's; everything else of both.
  const vars = substituteValue(mergeAll([spec.vars, ...overrides.map(({ vars = {} }) => vars)]), cluster);
  if (vars.kind === "invalid") return { kind: "invalid", problems: vars.problems.map(inField("spec.vars")) };
  const values = { ...cluster, ...vars.value };
  const merged = substituteValue(mergeOverrides(spec, overrides), values);
  if (merged.kind === "invalid") return { kind: "invalid", problems: merged.problems.map(inField("spec")) };
  if (!NAMESPACE.test(merged.value.namespace)) {
    return { kind: "invalid", problems: [noNamespace(merged.value.namespace, overrides)] };
  }
  const { capabilities } = spec.render;
  const mentioned = references.filter((name) => Object.hasOwn(values, name));
  const input: VariantInput = {
    ...merged.value,
    capabilities: {
      kubernetes: capabilities.kubernetes ?? (capabilities.live ? kubernetes : null),
      apiVersions: capabilities.apiVersions,
    },
    createNamespace: spec.destination.createNamespace,
    values: spec.substitute
      ? {
          ...namesNear(references, Object.keys(vars.value), values),
          ...Object.fromEntries(mentioned.map((name) => [name, values[name] as string])),
        }
      : null,
  };
  return { kind: "variant", variant: { key: hash(stableJson(input)), input } };
}

/**
 * Names that a mistyped one may have meant, for its error to say. Nothing mentions them, so their values are nobody's
 * input; labels and facts are left out, since they would tell clusters apart that get the same.
 */
function namesNear(
  references: readonly string[],
  vars: readonly string[],
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  const unknown = references.filter((name) => !Object.hasOwn(values, name));
  const near = unknown.map((name) => nearestName(name, ["cluster.name", ...vars])).filter((name) => name !== null);
  return Object.fromEntries(near.map((name) => [name, ""]));
}

const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** What is written was judged already: this is what variables made of it. */
function noNamespace(namespace: string, overrides: readonly Override[]): Problem {
  const isOverride = overrides.some((override) => override.namespace !== undefined);
  return {
    code: "InvalidField",
    message: `the namespace is ${JSON.stringify(namespace.slice(0, 80))} here, which is no name of a namespace.`,
    where: { field: isOverride ? "spec.overrides.namespace" : "spec.destination.namespace" },
    fix: "Give the variable another value: lower-case letters, digits and '-', at most 63 characters.",
  };
}

const inField =
  (field: string) =>
  (problem: Problem): Problem => ({
    ...problem,
    where: { ...problem.where, field: [field, problem.where.field].filter(Boolean).join(".") },
  });

function mergeOverrides(
  { source, render, destination }: RenderSpec,
  overrides: readonly Override[],
): Pick<VariantInput, "path" | "render" | "namespace" | "transform"> {
  const lastOf = <K extends "path" | "namespace" | "namePrefix">(field: K): Override[K] =>
    overrides.findLast((override) => override[field] !== undefined)?.[field];
  const all = <T>(listOf: (override: Override) => readonly T[] | undefined): readonly T[] =>
    overrides.flatMap((override) => listOf(override) ?? []);
  const namespace = lastOf("namespace") ?? destination.namespace;
  const namePrefix = lastOf("namePrefix");
  const transform: BundleTransform = {
    namespace,
    ...some("patches", all(({ patches }) => patches).map(toPatch)),
    ...some(
      "images",
      all(({ images }) => images),
    ),
    ...some(
      "replicas",
      all(({ replicas }) => replicas),
    ),
    ...(namePrefix ? { namePrefix } : {}),
  } as BundleTransform;
  return { path: lastOf("path") ?? source.path, render: mergeRender(render, overrides), namespace, transform };
}

const some = <T>(field: string, list: readonly T[]): object => (list.length > 0 ? { [field]: list } : {});

/** An override that speaks of Helm says nothing to an App that something else renders, unless it is found by looking. */
function mergeRender(
  { plain, kustomize, helm }: RenderSpec["render"],
  overrides: readonly Override[],
): VariantInput["render"] {
  const changes = overrides.flatMap((override) => override.helm ?? []);
  if (helm === undefined && (plain !== undefined || kustomize !== undefined || changes.length === 0)) {
    return { ...(plain ? { plain } : {}), ...(kustomize ? { kustomize } : {}) };
  }
  const base: Helm = helm ?? { values: [], valuesObject: {}, set: {}, includeCrds: true };
  const releaseName = changes.findLast((change) => change.releaseName !== undefined)?.releaseName ?? base.releaseName;
  return {
    helm: {
      ...base,
      ...(releaseName === undefined ? {} : { releaseName }),
      values: [...base.values, ...changes.flatMap(({ values }) => values)],
      valuesObject: mergeAll([base.valuesObject, ...changes.map(({ valuesObject }) => valuesObject)]),
      set: Object.assign({}, base.set, ...changes.map(({ set }) => set)),
    },
  };
}

function toPatch({ target, json6902, merge }: NonNullable<Override["patches"]>[number]): ObjectPatch {
  return {
    ...(target === undefined ? {} : { target }),
    patch: json6902 ? { kind: "json6902", operations: json6902 } : { kind: "strategic", merge: merge ?? {} },
  } as ObjectPatch;
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As Helm merges values: mappings field by field, the later wins; null takes a field away. */
function mergeAll<T extends Readonly<Record<string, unknown>>>(parts: readonly T[]): T {
  const result: Record<string, unknown> = {};
  for (const part of parts) {
    for (const [key, value] of Object.entries(part)) {
      const before = Object.hasOwn(result, key) ? result[key] : undefined;
      Object.defineProperty(result, key, {
        value: isMapping(before) && isMapping(value) ? mergeAll([before, value]) : value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
  }
  return result as T;
}
