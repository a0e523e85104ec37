import type { StoredApp } from "./documents/definition.ts";
import { type SelectableCluster, selects } from "./placement.ts";
import type { ProjectRules } from "./policy.ts";

type Selected = Pick<SelectableCluster, "name" | "labels">;
type Selecting = Pick<StoredApp["definition"], "spec">;

/** A Project narrows what its Apps select: a cluster outside it is simply not selected. */
export const isSelected = ({ spec }: Selecting, cluster: Selected, rules: ProjectRules): boolean =>
  selects(spec.clusters, cluster) && isInProject(cluster, rules);

export const isInProject = (cluster: Selected, rules: ProjectRules): boolean =>
  rules === null || selects(rules.clusters, cluster);
