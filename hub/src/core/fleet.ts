import type { Report } from "@muster/shared/model/report.ts";
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
      at: report.observedAt,
    },
    ahead: before?.ahead ?? null,
  };
}

/** Bytes rather than characters count: a message may be in any script. */
function shorten(text: string, bytesMax: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x20 ? 6 : code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > bytesMax - 3) return `${text.slice(0, end)}…`;
    end += character.length;
  }
  return text;
}

/** The details of a report, cut from the end until they fit one document: what is wrong comes first in it. */
export function detailOf(report: Report): ReportDetail {
  const detail: ReportDetail = {
    generation: report.generation,
    objects: [...report.objects],
    drift: [...report.drift],
    problems: [...report.problems],
  };
  for (let size = JSON.stringify(detail).length; size > REPORT_DETAIL_BYTES_MAX; size = JSON.stringify(detail).length) {
    const list = longest(detail);
    list.splice(Math.floor(list.length / 2));
  }
  return detail;
}

function longest({ objects, drift, problems }: ReportDetail): unknown[] {
  const lists: unknown[][] = [objects, drift, problems];
  return lists.reduce((one, other) => (other.length > one.length ? other : one));
}

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
