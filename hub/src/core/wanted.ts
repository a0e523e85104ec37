import type { ClusterRecord } from "./cluster-record.ts";
import type { StoredApp } from "./documents/definition.ts";
import { selects } from "./placement.ts";

/** Whether an App is to run in a cluster: the one place that says so, for the planner, the brake and the views. */
export const isWanted = (app: StoredApp, cluster: ClusterRecord): boolean =>
  cluster.revoked === null && selects(app.definition.spec.clusters, cluster);
