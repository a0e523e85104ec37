import type { ClusterRecord } from "../../core/cluster-record.ts";
import type { StoredApp } from "../../core/documents/definition.ts";
import { isUniform, renderSpecOf, type VariantCluster } from "../../core/variants.ts";
import type { HubState } from "../hub-state.ts";

/** A cluster as variants see it. `kubernetes` is its minor version, `1.34`, as its agent reports it. */
export function toVariantCluster(state: HubState, { id, name, labels }: ClusterRecord): VariantCluster {
  const minor = /^v?(\d+\.\d+)/.exec(state.presence.get(id)?.kubernetesVersion ?? "")?.[1];
  return { id, name, labels, facts: minor === undefined ? {} : { kubernetes: minor } };
}

/** The clusters that an App wants, of those that were not removed. */
export function* placedClusters(state: HubState, app: StoredApp): Generator<VariantCluster> {
  for (const id of state.placements.of(app)) {
    const record = state.clusters.get(id);
    if (record !== null) yield toVariantCluster(state, record);
  }
}

/** Whether what an App gives a cluster may depend on which cluster it is. */
export const dependsOnClusters = ({ definition: { spec } }: StoredApp): boolean =>
  spec.substitute || !isUniform(renderSpecOf(spec), []);
