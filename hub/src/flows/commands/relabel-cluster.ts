import type { Clock } from "@muster/shared/clock.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import { type ClusterRecord, withAudit } from "../../core/cluster-record.ts";
import { selects } from "../../core/placement.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { HubState } from "../hub-state.ts";

/** `PROJECT/NAME` of the Apps that a cluster gains and loses by a change of its labels, sorted. */
export interface AppMoves {
  readonly gains: string[];
  readonly loses: string[];
}

/**
 * Changes a cluster's labels in one audited write, and says which Apps move by it. `labelsOf` makes the new labels of
 * those in force; with `dryRun` nothing is written. The record is null when the cluster is gone from the store.
 */
export async function relabelCluster(
  { state, clock }: { state: HubState; clock: Clock },
  actor: Actor,
  record: ClusterRecord,
  labelsOf: (current: Labels) => Labels,
  opts: { dryRun: boolean },
): Promise<AppMoves & { record: ClusterRecord | null; isSame: boolean }> {
  let before = record.labels;
  let isSame = hasSameLabels(before, labelsOf(before));
  let after: ClusterRecord | null = record;
  if (!opts.dryRun) {
    after = await state.clusters.write(record.id, (current) => {
      if (current === null) return null;
      before = current.labels;
      const labels = labelsOf(before);
      isSame = hasSameLabels(before, labels);
      if (isSame) return null;
      const detail = `labels of ${record.name} are ${JSON.stringify(labels)}`.slice(0, 2_000);
      return withAudit({ ...current, labels }, { at: clock.now(), actor, action: "ClusterLabelled", detail });
    });
  }
  return { record: after, isSame, ...movesOf(state, record.name, before, labelsOf(before)) };
}

function movesOf(state: HubState, name: string, before: Labels, after: Labels): AppMoves {
  const moves: AppMoves = { gains: [], loses: [] };
  for (const { definition } of state.apps()) {
    const had = selects(definition.spec.clusters, { name, labels: before });
    const has = selects(definition.spec.clusters, { name, labels: after });
    if (had !== has) moves[has ? "gains" : "loses"].push(formatApp(definition.metadata));
  }
  moves.gains.sort();
  moves.loses.sort();
  return moves;
}

const hasSameLabels = (one: Labels, other: Labels): boolean => {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
};
