import type { Clock } from "@muster/shared/clock.ts";
import { type AppUid, formatApp } from "@muster/shared/model/ids.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import { type ClusterRecord, withAudit } from "../../core/cluster-record.ts";
import type { OwnedLabels } from "../../core/own-labels.ts";
import { isSelected } from "../../core/wanted.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { RemovalBrake } from "../brake-removals.ts";
import type { HubState } from "../hub-state.ts";

/** `PROJECT/NAME` of the Apps that a cluster gains and loses by a change of its labels, sorted. */
export interface AppMoves {
  readonly gains: string[];
  readonly loses: string[];
  /** Whether objects go with what it loses; absent: it loses nothing. */
  readonly deletes?: boolean;
  /** Why what it loses waits for a person; null: it does not. */
  readonly waits: string | null;
}

/**
 * Changes a cluster's labels in one audited write, and says which Apps move by it. `labelsOf` makes the new labels of
 * those in force, and may throw; with `dryRun` nothing is written. The record is null when the cluster is gone from the store.
 */
export async function relabelCluster(
  { state, clock, brake }: { state: HubState; clock: Clock; brake: Pick<RemovalBrake, "preview"> },
  actor: Actor,
  record: ClusterRecord,
  labelsOf: (current: OwnedLabels) => OwnedLabels,
  opts: { dryRun: boolean },
): Promise<AppMoves & { record: ClusterRecord | null; isSame: boolean }> {
  let before: OwnedLabels = record;
  let next = labelsOf(before);
  let isSame = hasSame(before, next);
  let after: ClusterRecord | null = record;
  // Counted before it is done: afterwards it is under way already.
  const { leaving } = movesOf(state, record, before.labels, next.labels);
  const waits = brake.preview(leaving.map((app) => ({ app, cluster: record.id, cause: "labels" })));
  if (!opts.dryRun) {
    after = await state.clusters.write(record.id, (current) => {
      if (current === null) return null;
      before = current;
      next = labelsOf(before);
      isSame = hasSame(before, next);
      if (isSame) return null;
      const { labels, labelOwners } = next;
      const detail = `labels of ${record.name} are ${JSON.stringify(labels)}`.slice(0, 2_000);
      return withAudit(
        { ...current, labels, labelOwners },
        { at: clock.now(), actor, action: "ClusterLabelled", detail },
      );
    });
  }
  const { gains, loses, deletes } = movesOf(state, record, before.labels, next.labels);
  return { record: after, isSame, gains, loses, ...(loses.length === 0 ? {} : { deletes }), waits };
}

const hasSame = (one: OwnedLabels, other: OwnedLabels): boolean =>
  hasSameLabels(one.labels, other.labels) &&
  JSON.stringify(Object.entries(one.labelOwners).sort()) === JSON.stringify(Object.entries(other.labelOwners).sort());

const hasSameLabels = (one: Labels, other: Labels): boolean => {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
};

/** Which Apps a change of labels moves: their names, and the uids of those that leave. */
function movesOf(
  state: HubState,
  { name }: ClusterRecord,
  before: Labels,
  after: Labels,
): Pick<AppMoves, "gains" | "loses"> & { leaving: AppUid[]; deletes: boolean } {
  const moves = { gains: [] as string[], loses: [] as string[], leaving: [] as AppUid[], deletes: false };
  for (const { uid, definition } of state.apps()) {
    const rules = state.rulesOf(definition.metadata.project);
    // While its Project is suspended an App stays where it is.
    if (rules?.suspended) continue;
    const had = isSelected(definition, { name, labels: before }, rules);
    const has = isSelected(definition, { name, labels: after }, rules);
    if (had === has) continue;
    moves[has ? "gains" : "loses"].push(formatApp(definition.metadata));
    if (!had) continue;
    moves.leaving.push(uid);
    if (definition.spec.onUnplaced.action === "delete") moves.deletes = true;
  }
  moves.gains.sort();
  moves.loses.sort();
  return moves;
}
