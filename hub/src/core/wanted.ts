import type { StoredApp } from "./documents/definition.ts";
import { type ClusterMatch, compileSelector, type SelectableCluster, selects } from "./placement.ts";
import type { ProjectRules } from "./policy.ts";

type Selected = Pick<SelectableCluster, "name" | "labels">;
type Selecting = Pick<StoredApp["definition"], "spec">;

/** A Project narrows what its Apps select: a cluster outside it is simply not selected. Made ready to judge many. */
export function selectedBy({ spec }: Selecting, rules: ProjectRules): ClusterMatch {
  const isWanted = compileSelector(spec.clusters);
  if (rules === null) return isWanted;
  const isInside = compileSelector(rules.clusters);
  return (cluster) => isWanted(cluster) && isInside(cluster);
}

/** As `selectedBy`, for one cluster. */
export const isSelected = (of: Selecting, cluster: Selected, rules: ProjectRules): boolean =>
  selectedBy(of, rules)(cluster);

export const isInProject = (cluster: Selected, rules: ProjectRules): boolean =>
  rules === null || selects(rules.clusters, cluster);
