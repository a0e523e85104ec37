import type { Problem } from "@muster/shared/model/problem.ts";
import { REPORT_LIMITS, type Report } from "@muster/shared/model/report.ts";
import type { AssignedEntry } from "./documents/assigned.ts";
import {
  OBSERVED_MESSAGE_MAX,
  type ObservedEntry,
  REPORT_DETAIL_BYTES_MAX,
  type ReportDetail,
} from "./documents/observed.ts";

/** What the hub keeps in memory and shows in tables of one report: at most 512 bytes of it. */
export function summarizeReport(report: Report, before: ObservedEntry | undefined): ObservedEntry {
  return {
    report: {
      epoch: report.epoch,
      generation: report.generation,
      digest: report.digest,
      phase: report.phase,
      sync: report.sync,
      health: report.health,
      message: shorten(report.message, OBSERVED_MESSAGE_MAX),
      objects: report.counts.objects,
      drift: report.drift.filter((drift) => drift.healedAt === null).length,
      ...(report.problems.some(({ code }) => code === "RemovalNeedsApproval") ? { needsApproval: true } : {}),
      at: report.observedAt,
    },
    ahead: before?.ahead ?? null,
  };
}

/** Bytes of the JSON rather than characters count: a message may be in any script. */
function shorten(text: string, bytesMax: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += jsonBytes(code);
    if (bytes > bytesMax - 3) return `${text.slice(0, end)}…`;
    end += character.length;
  }
  return text;
}

/** Of one character inside a JSON string. */
function jsonBytes(code: number): number {
  if (code < 0x20) return 6;
  if (code === 0x22 || code === 0x5c) return 2;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}

/** The details of a report, cut from the end until they fit one document: what is wrong comes first in it. */
export function detailOf({ generation, objects, drift, problems }: Report): ReportDetail {
  return cutToFit({ generation, objects: [...objects], drift: [...drift], problems: [...problems] });
}

/** Halves the largest list until all fit. Bytes rather than characters count: that is what the store holds. */
function cutToFit(detail: ReportDetail): ReportDetail {
  const lists: unknown[][] = [detail.objects, detail.drift, detail.problems];
  while (bytesOf(detail) > REPORT_DETAIL_BYTES_MAX) {
    const largest = lists.reduce((one, other) => (bytesOf(other) > bytesOf(one) ? other : one));
    if (largest.length === 0) break;
    largest.splice(Math.floor(largest.length / 2));
  }
  return detail;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Whether a report speaks of the assignment in force, and not of one that was overtaken. */
export const isCurrent = (
  report: { readonly epoch: { readonly number: number; readonly tag: string }; readonly generation: number } | null,
  entry: AssignedEntry | null,
): boolean =>
  report !== null &&
  entry !== null &&
  report.generation === entry.generation &&
  report.epoch.number === entry.epoch.number &&
  report.epoch.tag === entry.epoch.tag;

type Spoken = Pick<Report, "epoch" | "generation" | "phase">;

/**
 * Whether a refusal leaves what is known of the cluster as it was: it speaks of an assignment that is not the one in
 * force, or of one that the cluster had accepted before. Something replayed or forged it on the way; a cluster that
 * held its ground must not look as if it had not.
 */
export const isRefusedAside = (
  refused: Spoken,
  { entry, standing }: { entry: AssignedEntry | null; standing: Spoken | null },
): boolean =>
  refused.phase === "Refused" &&
  standing !== null &&
  (!isCurrent(refused, entry) || (standing.phase !== "Refused" && isSameMark(refused, standing)));

const isSameMark = (one: Spoken, other: Spoken): boolean =>
  one.generation === other.generation && one.epoch.number === other.epoch.number && one.epoch.tag === other.epoch.tag;

/** What stands, and beside it what was refused. */
export const withRefusal = <T extends { readonly message: string }>(standing: T, refused: Report): T => ({
  ...standing,
  message: shorten(refused.message, OBSERVED_MESSAGE_MAX),
});

/** The refusal's problems come first; the same one told again is told once. */
export function problemsWithRefusal(problems: readonly Problem[], refused: Report): Problem[] {
  const isNew = (problem: Problem): boolean =>
    refused.problems.every(({ code, message }) => code !== problem.code || message !== problem.message);
  return [...refused.problems, ...problems.filter(isNew)].slice(0, REPORT_LIMITS.problemsMax);
}

/** The details of what stands, with the refusal's problems. */
export const detailWithRefusal = (standing: ReportDetail, refused: Report): ReportDetail =>
  cutToFit({
    generation: standing.generation,
    objects: [...standing.objects],
    drift: [...standing.drift],
    problems: problemsWithRefusal(standing.problems, refused),
  });

/** Where one App stands in one cluster, in one word. */
export type PlacementState =
  | "Unassigned"
  | "Ahead"
  | "Removing"
  | "NotYetReported"
  | "Refused"
  | "Failed"
  | "Applying"
  | "Healthy"
  | "Unhealthy";

export function placementState(entry: AssignedEntry | null, observed: ObservedEntry | null): PlacementState {
  if (isAhead(entry, observed)) return "Ahead";
  if (entry === null || entry.content.kind === "removed") return "Unassigned";
  if (entry.content.kind === "remove") return "Removing";
  const report = observed?.report ?? null;
  if (report === null || !isCurrent(report, entry)) return "NotYetReported";
  switch (report.phase) {
    case "Refused":
      return "Refused";
    case "Failed":
      return "Failed";
    case "Applied":
      if (report.health === "Healthy") return "Healthy";
      return report.health === "Progressing" ? "Applying" : "Unhealthy";
    default:
      return "Applying";
  }
}

/** Until an assignment of a later epoch was made above what the agent showed. */
export const isAhead = (entry: AssignedEntry | null, observed: ObservedEntry | null): boolean =>
  observed !== null && observed.ahead !== null && (entry === null || entry.epoch.number <= observed.ahead.epoch.number);
