import type { ClusterId, Digest } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { Release, VariantEntry } from "../../core/documents/release.ts";
import { isUniform, type RenderSpec, type Resolved, type Variant, type VariantCluster } from "../../core/variants.ts";
import type { RenderedVariant, VariantJob, VariantRenderer } from "./render-variant.ts";
import { variantsOf } from "./variants-of.ts";

/** Of one App at the same time: bundles are as large as they are, so this bounds the memory. */
const AT_ONCE_MAX = 4;
const CLUSTERS_NAMED_MAX = 3;
const PROBLEMS_MAX = 20;

export interface RenderedApp {
  readonly kind: "rendered";
  readonly references: readonly string[];
  readonly isUniform: boolean;
  readonly variants: readonly { readonly entry: VariantEntry; readonly outcome: RenderedVariant }[];
  /** Index into `variants`; empty when all clusters get the same. */
  readonly targets: ReadonlyMap<ClusterId, number>;
}

export type AppOutcome = RenderedApp | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

export interface AppJob extends Omit<VariantJob, "input" | "known"> {
  readonly spec: RenderSpec;
  readonly clusters: readonly VariantCluster[];
  /** What the latest Release has for a variant. */
  readonly known: (key: string) => VariantEntry | null;
  readonly knownRenderer: string;
}

interface Group {
  readonly variant: Variant;
  readonly clusters: readonly VariantCluster[];
}

type CallOptions = Parameters<VariantRenderer["render"]>[1];

/** Every variant of an App for the clusters it is placed on: clusters with equal inputs are rendered once. */
export async function renderVariants(
  renderer: VariantRenderer,
  job: AppJob,
  opts: { signal: AbortSignal; hold: (digest: Digest) => void },
): Promise<AppOutcome> {
  const found = job.spec.substitute
    ? await findReferences(renderer, job, opts)
    : ({ kind: "references", names: [] } as const);
  if (found.kind === "invalid") return found;
  const references = found.names;
  const grouped = group(job, references);
  if (grouped.kind === "invalid") return grouped;
  const { groups } = grouped;

  const variants: { entry: VariantEntry; outcome: RenderedVariant }[] = [];
  const problems: Problem[] = [];
  for (let from = 0; from < groups.length && problems.length === 0; from += AT_ONCE_MAX) {
    const batch = groups.slice(from, from + AT_ONCE_MAX);
    const outcomes = await Promise.all(batch.map(({ variant }) => renderOne(renderer, job, variant, opts)));
    for (const [index, outcome] of outcomes.entries()) {
      const { variant, clusters } = batch[index] as Group;
      if (outcome.kind === "invalid") {
        const isAlone = groups.length === 1;
        problems.push(...outcome.problems.map((problem) => (isAlone ? problem : namingClusters(problem, clusters))));
      } else variants.push({ entry: toEntry(variant, outcome), outcome });
    }
  }
  if (problems.length > 0) return { kind: "invalid", problems: problems.slice(0, PROBLEMS_MAX) };
  const uniform = isUniform(job.spec, references);
  const targets = new Map<ClusterId, number>();
  if (!uniform)
    for (const [index, { clusters }] of groups.entries()) for (const { id } of clusters) targets.set(id, index);
  return { kind: "rendered", references, isUniform: uniform, variants, targets };
}

export function renderOne(
  renderer: VariantRenderer,
  job: Omit<AppJob, "clusters">,
  { key, input }: Variant,
  opts: CallOptions,
): ReturnType<VariantRenderer["render"]> {
  const { trees, chart, appName, fairnessKey, knownRenderer } = job;
  const entry = job.known(key);
  const known =
    entry?.bundle && entry.closure !== null
      ? { closure: entry.closure, bundle: entry.bundle, renderer: knownRenderer }
      : null;
  return renderer.render({ input, trees, chart, appName, fairnessKey, known }, opts);
}

export const toEntry = ({ key, input }: Variant, { bundle, closure, cover }: RenderedVariant): VariantEntry => ({
  key,
  namespace: input.namespace,
  bundle,
  closure,
  cover: [...cover],
});

/** The variables that the manifests mention, in whichever variant. */
async function findReferences(
  renderer: VariantRenderer,
  job: AppJob,
  opts: { signal: AbortSignal },
): Promise<{ kind: "references"; names: readonly string[] } | { kind: "invalid"; problems: readonly Problem[] }> {
  const grouped = group(job, []);
  if (grouped.kind === "invalid") return grouped;
  const { trees, chart, appName, fairnessKey } = job;
  const names = new Set<string>();
  for (const { variant } of grouped.groups) {
    const found = await renderer.referencesOf(
      { input: variant.input, trees, chart, appName, fairnessKey, known: null },
      opts,
    );
    if (found.kind === "invalid") return found;
    for (const name of found.names) names.add(name);
  }
  return { kind: "references", names: [...names].sort() };
}

function group(
  { spec, clusters }: Pick<AppJob, "spec" | "clusters">,
  references: readonly string[],
): { kind: "groups"; groups: readonly Group[] } | Extract<Resolved, { kind: "invalid" }> {
  const variantOf = variantsOf(spec, references);
  if (isUniform(spec, references)) {
    const resolved = variantOf(null);
    return resolved.kind === "invalid"
      ? resolved
      : { kind: "groups", groups: [{ variant: resolved.variant, clusters: [] }] };
  }
  const groups = new Map<string, { variant: Variant; clusters: VariantCluster[] }>();
  for (const cluster of clusters) {
    const resolved = variantOf(cluster);
    if (resolved.kind === "invalid") {
      return { kind: "invalid", problems: resolved.problems.map((problem) => namingClusters(problem, [cluster])) };
    }
    const known = groups.get(resolved.variant.key);
    if (known) known.clusters.push(cluster);
    else groups.set(resolved.variant.key, { variant: resolved.variant, clusters: [cluster] });
  }
  return { kind: "groups", groups: [...groups.values()] };
}

/** `On prod-eu-1, prod-eu-2 and 4 more: …` */
function namingClusters(problem: Problem, clusters: readonly VariantCluster[]): Problem {
  const names = clusters.map(({ name }) => name).sort();
  const more = names.length > CLUSTERS_NAMED_MAX ? ` and ${names.length - CLUSTERS_NAMED_MAX} more` : "";
  const message = `On ${names.slice(0, CLUSTERS_NAMED_MAX).join(", ")}${more}: ${problem.message}`;
  return { ...problem, message: message.slice(0, 2_000), where: { ...problem.where, cluster: names[0] } };
}

/** What a Release has for a variant, to be taken as it is while nothing that was read has changed. */
export function knownVariants(
  release: Release | null,
  variants: readonly VariantEntry[],
): { known: AppJob["known"]; knownRenderer: string } {
  const byKey = new Map(variants.map((entry) => [entry.key, entry]));
  return { known: (key) => byKey.get(key) ?? null, knownRenderer: release?.input.renderer.version ?? "" };
}
