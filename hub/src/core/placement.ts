import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { ClusterSelector, Labels } from "@muster/shared/model/selector.ts";

/** What a selector looks at. */
export interface SelectableCluster {
  readonly id: ClusterId;
  readonly name: string;
  readonly labels: Labels;
}

/** Whether a selector wants a cluster. */
export type ClusterMatch = (cluster: Pick<SelectableCluster, "name" | "labels">) => boolean;

/**
 * A selector made ready to judge many clusters: everything it states must hold. Labels behave exactly as in Kubernetes:
 * `NotIn` and `DoesNotExist` also hold for a cluster that lacks the key, `In` and `Exists` do not. `exclude` wins over
 * all.
 */
export function compileSelector(selector: ClusterSelector): ClusterMatch {
  const { all, names, matchLabels = {}, matchExpressions, exclude } = selector;
  // A selector that states nothing never passes the schema; it selects nothing here as well.
  if (!all && !names && !matchExpressions && Object.keys(matchLabels).length === 0) return () => false;
  const wanted: ClusterMatch[] = [];
  if (names) wanted.push(named(names));
  wanted.push(...labelled(matchLabels), ...(matchExpressions ?? []).map(meets));
  const unwanted: ClusterMatch[] = [];
  if (exclude?.names) unwanted.push(named(exclude.names));
  const excluded = labelled(exclude?.matchLabels ?? {});
  if (excluded.length > 0) unwanted.push((cluster) => excluded.every((matches) => matches(cluster)));
  return (cluster) => {
    for (const matches of wanted) if (!matches(cluster)) return false;
    for (const matches of unwanted) if (matches(cluster)) return false;
    return true;
  };
}

/** As `compileSelector`, for one cluster. */
export const selects = (selector: ClusterSelector, cluster: Pick<SelectableCluster, "name" | "labels">): boolean =>
  compileSelector(selector)(cluster);

/** The clusters that a selector wants, in the order given. */
export function place<T extends Pick<SelectableCluster, "name" | "labels">>(
  selector: ClusterSelector,
  clusters: Iterable<T>,
): T[] {
  return [...clusters].filter(compileSelector(selector));
}

const labelOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

function named(names: readonly string[]): ClusterMatch {
  const set = new Set(names);
  return ({ name }) => set.has(name);
}

const labelled = (wanted: Labels): ClusterMatch[] =>
  Object.entries(wanted).map(
    ([key, value]) =>
      ({ labels }) =>
        labelOf(labels, key) === value,
  );

type Requirement = NonNullable<ClusterSelector["matchExpressions"]>[number];

function meets({ key, operator, values = [] }: Requirement): ClusterMatch {
  const among = new Set(values);
  const isAmong: ClusterMatch = ({ labels }) => {
    const value = labelOf(labels, key);
    return value !== undefined && among.has(value);
  };
  switch (operator) {
    case "In":
      return isAmong;
    case "NotIn":
      return (cluster) => !isAmong(cluster);
    case "Exists":
      return ({ labels }) => Object.hasOwn(labels, key);
    case "DoesNotExist":
      return ({ labels }) => !Object.hasOwn(labels, key);
  }
}
