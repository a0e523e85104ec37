import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { AssignedEntry } from "./documents/assigned.ts";
import type { Decision } from "./plan-rollout.ts";
import type { RemovalVerdict } from "./removal-brake.ts";

/** A cluster that leaves keeps what it was assigned, until the brake lets it go. */
export function holdLeaving(
  cluster: ClusterId,
  verdict: Exclude<RemovalVerdict, { kind: "pass" }> | undefined,
): Extract<Decision, { kind: "hold" }> {
  const hold = (code: "RemovalInGrace" | "RemovalWaits" | "RemovalDenied", reason: string) => ({
    kind: "hold" as const,
    cluster,
    code,
    reason,
  });
  switch (verdict?.kind) {
    case "grace":
      return hold("RemovalInGrace", `It left the App's placement, and keeps it until ${isoOf(verdict.until)}.`);
    case "waits":
      return hold("RemovalWaits", `Its removal waits for a person: ${verdict.reason}.`);
    case "denied":
      return hold("RemovalDenied", `Its removal was denied (${verdict.approval}).`);
    default:
      return hold("RemovalWaits", "Its removal is not counted yet.");
  }
}

const isoOf = (at: number): string => new Date(at).toISOString();

/** Since when it leaves is stored, so that a restart neither shortens the grace nor begins it anew. */
export function markLeaving(
  entry: AssignedEntry | undefined,
  decision: Decision,
  verdict: RemovalVerdict | undefined,
): Extract<Decision, { kind: "mark" }> | null {
  // What is assigned anew is a new entry, without a mark.
  if (entry === undefined || decision.kind !== "hold") return null;
  const { cluster } = decision;
  if (verdict === undefined) {
    return entry.leaving === undefined || decision.code.startsWith("Removal")
      ? null
      : { kind: "mark", cluster, leaving: null };
  }
  if (verdict.kind === "pass") return null;
  const { since, cause } = verdict.pair;
  if (entry.leaving?.since === since && entry.leaving.cause === cause) return null;
  return entry.content.kind === "run" ? { kind: "mark", cluster, leaving: { since, cause } } : null;
}
