import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { ClusterSelector, Labels } from "@muster/shared/model/selector.ts";

/** What a selector looks at. */
export interface SelectableCluster {
  readonly id: ClusterId;
  readonly name: string;
  readonly labels: Labels;
}

/**
 * Whether a selector wants a cluster: everything it states must hold. Labels behave exactly as in Kubernetes: `NotIn`
 * and `DoesNotExist` also hold for a cluster that lacks the key, `In` and `Exists` do not. `exclude` wins over all.
 */
export function selects(selector: ClusterSelector, cluster: Pick<SelectableCluster, "name" | "labels">): boolean {
  const { names, matchLabels, matchExpressions, exclude } = selector;
  // A selector that states nothing never passes the schema; it selects nothing here as well.
  if (!selector.all && !names && !matchExpressions && Object.keys(matchLabels ?? {}).length === 0) return false;
  if (names && !names.includes(cluster.name)) return false;
  if (matchLabels && !hasLabels(cluster.labels, matchLabels)) return false;
  if (matchExpressions && !matchExpressions.every((requirement) => meets(cluster.labels, requirement))) return false;
  if (exclude?.names?.includes(cluster.name)) return false;
  const excludedLabels = exclude?.matchLabels ?? {};
  return !(Object.keys(excludedLabels).length > 0 && hasLabels(cluster.labels, excludedLabels));
}

/** The clusters that a selector wants, in the order given. */
export function place<T extends Pick<SelectableCluster, "name" | "labels">>(
  selector: ClusterSelector,
  clusters: Iterable<T>,
): T[] {
  return [...clusters].filter((cluster) => selects(selector, cluster));
}

const labelOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => labelOf(labels, key) === value);

type Requirement = NonNullable<ClusterSelector["matchExpressions"]>[number];

function meets(labels: Labels, { key, operator, values = [] }: Requirement): boolean {
  const value = labelOf(labels, key);
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}
