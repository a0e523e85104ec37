import type { Digest } from "@muster/shared/model/ids.ts";
import type { AppRecord } from "@muster/shared/model/inventory.ts";
import type { Epoch } from "@muster/shared/model/mark.ts";
import { formatObject } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import {
  type driftRecord,
  type ObjectStatus,
  REPORT_LIMITS,
  type Report,
  type ReportPhase,
} from "@muster/shared/model/report.ts";
import type { HealthState, SyncState } from "@muster/shared/model/status.ts";
import type { z } from "zod";

export type DriftRecord = z.infer<typeof driftRecord>;

export interface SummaryInput {
  readonly app: AppRecord["app"];
  readonly epoch: Epoch;
  readonly generation: number;
  readonly digest: Digest | null;
  readonly phase: ReportPhase;
  /** What stands instead of the summary's own sentence. */
  readonly message?: string;
  readonly objects: readonly ObjectStatus[];
  readonly drift: readonly DriftRecord[];
  readonly problems: readonly Problem[];
  readonly pruned: number;
  readonly now: number;
}

/** Worst first: an App is as healthy as its worst object. */
const healthRank: Readonly<Record<HealthState, number>> = {
  Degraded: 0,
  Missing: 1,
  Unknown: 2,
  Progressing: 3,
  Suspended: 4,
  Healthy: 5,
};
const syncRank: Readonly<Record<SyncState, number>> = { OutOfSync: 0, Unknown: 1, Synced: 2 };

const messageMax = 1_000;
/** Past the first objects a message is a reminder, so that a report of a large App stays small. */
const shortMessageMax = 160;
const fullMessages = 50;

/** One report from everything that is known of an App here, within the report's limits. */
export function summarize(input: SummaryInput): Report {
  const { objects, problems, phase } = input;
  const sync = phase === "Refused" ? "Unknown" : worstSync(input);
  const health = phase === "Refused" ? "Unknown" : worstHealth(input);
  const told = objects.toSorted(
    (a, b) => syncRank[a.sync] - syncRank[b.sync] || healthRank[a.health] - healthRank[b.health],
  );
  return {
    app: input.app,
    epoch: input.epoch,
    generation: input.generation,
    digest: input.digest,
    phase,
    sync,
    health,
    message: cut(input.message ?? sentence(input, told), 2_000),
    counts: {
      objects: objects.length,
      synced: objects.filter((object) => object.sync === "Synced").length,
      healthy: objects.filter((object) => object.health === "Healthy").length,
      pruned: input.pruned,
    },
    objects: told.slice(0, REPORT_LIMITS.objectsMax).map((object, i) => ({
      ...object,
      message: cut(object.message, i < fullMessages ? messageMax : shortMessageMax),
    })),
    drift: input.drift.slice(0, REPORT_LIMITS.driftMax),
    problems: problems.slice(0, REPORT_LIMITS.problemsMax).map((problem) => ({
      ...problem,
      message: cut(problem.message, 2_000),
      ...(problem.fix === undefined ? {} : { fix: cut(problem.fix, 1_000) }),
    })),
    observedAt: input.now,
  };
}

function worstSync({ objects, phase, problems }: SummaryInput): SyncState {
  if (phase === "Removed") return "Synced";
  if (phase === "Pending") return "OutOfSync";
  if (problems.length > 0) return "OutOfSync";
  const worst = objects.reduce<SyncState>((a, b) => (syncRank[b.sync] < syncRank[a] ? b.sync : a), "Synced");
  // While objects are still to be applied, those that already stand must not make the whole look done.
  return worst === "Synced" && (phase === "Applying" || phase === "Pruning") ? "OutOfSync" : worst;
}

function worstHealth({ objects, phase }: SummaryInput): HealthState {
  const worst = objects.reduce<HealthState>((a, b) => (healthRank[b.health] < healthRank[a] ? b.health : a), "Healthy");
  if (phase === "Removed") return "Healthy";
  if (worst === "Degraded") return worst;
  // Never green before the whole bundle was accepted: health is of this digest, not of the one before.
  if (phase === "Pending" || phase === "Applying" || phase === "Pruning") return "Progressing";
  if (phase === "Failed" && worst === "Healthy") return "Unknown";
  return worst;
}

function sentence(input: SummaryInput, worstFirst: readonly ObjectStatus[]): string {
  const [problem] = input.problems;
  if (problem) {
    const more = input.problems.length - 1;
    return more === 0 ? problem.message : `${problem.message} (and ${more} more)`;
  }
  const [worst] = worstFirst;
  switch (input.phase) {
    case "Pending":
      return "Waiting for the bundle.";
    case "Applying":
      return "Applying.";
    case "Pruning":
      return "Deleting what is not wanted any more.";
    case "Removed":
      return "Removed.";
    case "Refused":
    case "Failed":
    case "Applied":
      if (worst === undefined || (worst.sync === "Synced" && worst.health === "Healthy")) return "";
      return `${formatObject(worst.ref)}: ${worst.message || worst.health}`;
  }
}

export const cut = (text: string, max: number): string => (text.length <= max ? text : `${text.slice(0, max - 1)}…`);
