import type { ClusterRecord } from "./cluster-record.ts";
import type { StoredApp } from "./documents/definition.ts";
import { type SelectableCluster, selects } from "./placement.ts";
import type { ProjectRules } from "./policy.ts";

type Selected = Pick<SelectableCluster, "name" | "labels">;
type Selecting = Pick<StoredApp["definition"], "spec">;

/**
 * Whether an App is to run in a cluster: the one place that says so, for the planner, the brake and the views. While its
 * Project is suspended it is where it runs, and nowhere else.
 */
export const isWanted = (
  app: StoredApp,
  cluster: ClusterRecord,
  { rules, isRunning }: { rules: ProjectRules; isRunning: boolean },
): boolean => cluster.revoked === null && (rules?.suspended ? isRunning : isSelected(app.definition, cluster, rules));

/** A Project narrows what its Apps select: a cluster outside it is simply not selected. */
export const isSelected = ({ spec }: Selecting, cluster: Selected, rules: ProjectRules): boolean =>
  selects(spec.clusters, cluster) && isInProject(cluster, rules);

export const isInProject = (cluster: Selected, rules: ProjectRules): boolean =>
  rules === null || selects(rules.clusters, cluster);
