import { formatApp } from "@muster/shared/model/ids.ts";
import type { AppFacts, PlacementFacts } from "./app-facts.ts";
import type { RemovalVerdict } from "./removal-brake.ts";
import type { WhyView } from "./views.ts";

/** What the clusters that an App leaves wait for, in words for status and why. */

/** A Release that drops more objects than may go unasked, and waits. */
export interface HeldRelease {
  readonly release: number;
  /** Null for the moment until it was asked for. */
  readonly approval: string | null;
  readonly isDenied: boolean;
  readonly reason: string;
}

type Told = Pick<WhyView, "reason" | "message" | "next">;

const iso = (at: number): string => new Date(at).toISOString();

/** `50 clusters wait for approval ap-1f2e3d4c`; empty when none leaves. */
export function removalsInWords({ placements, held }: Pick<AppFacts, "placements" | "held">): string[] {
  const waits = new Map<string, number>();
  let denied = 0;
  let grace = 0;
  let until = Number.POSITIVE_INFINITY;
  for (const { removal } of placements) {
    if (removal?.kind === "waits") {
      const id = removal.approval ?? "of a person";
      waits.set(id, (waits.get(id) ?? 0) + 1);
    }
    if (removal?.kind === "denied") denied += 1;
    if (removal?.kind !== "grace") continue;
    grace += 1;
    until = Math.min(until, removal.until);
  }
  const heldBack = held?.isDenied ? "was denied" : `waits for approval ${held?.approval ?? "of a person"}`;
  return [
    ...(held == null ? [] : [`r${held.release} ${heldBack}`]),
    ...[...waits].map(([id, count]) => `${counted(count)} would lose it: waits for approval ${id}`),
    ...(grace === 0 ? [] : [`${counted(grace)} leaving from ${iso(until)}`]),
    ...(denied === 0 ? [] : [`${counted(denied)} not wanted and kept: denied`]),
  ];
}

/** Of the App as a whole: what a person is asked comes first. Null when none leaves. */
export function explainRemovals(facts: AppFacts): Told | null {
  const waiting = facts.placements.filter(({ removal }) => removal?.kind === "waits");
  const [first] = waiting;
  if (first?.removal?.kind === "waits") {
    const { approval, reason } = first.removal;
    const who = `${waiting.length === 1 ? first.cluster.name : counted(waiting.length)} would lose ${formatApp(facts.name)}`;
    return {
      reason: "RemovalWaits",
      message: `${who}: waits for approval${approval === null ? "" : ` ${approval}`}. ${upperFirst(reason)}.`,
      next: grantText(approval),
    };
  }
  return facts.held == null ? null : explainHeld(facts, facts.held);
}

function explainHeld({ name }: AppFacts, { approval, isDenied, reason }: HeldRelease): Told {
  const app = formatApp(name);
  return isDenied
    ? {
        reason: "RemovalDenied",
        message: `${upperFirst(reason)}: it was denied (${approval}), and ${app} stays as it is.`,
        next: "Push a commit that keeps them.",
      }
    : {
        reason: "RemovalNeedsApproval",
        message: `${upperFirst(reason)}${approval === null ? "" : ` (${approval})`}. ${app} stays as it is until then.`,
        next: grantText(approval),
      };
}

export function explainRemoval({ name }: AppFacts, cluster: PlacementFacts["cluster"], removal: RemovalVerdict): Told {
  const app = formatApp(name);
  const keeps = `${cluster.name} is not wanted for ${app} any more, and keeps it`;
  switch (removal.kind) {
    case "grace":
      return {
        reason: "RemovalInGrace",
        message: `${keeps} until ${iso(removal.until)}.`,
        next: "If it is wanted again before that, nothing happens.",
      };
    case "waits":
      return {
        reason: "RemovalWaits",
        message: `${keeps} until a person approves. ${upperFirst(removal.reason)}.`,
        next: grantText(removal.approval),
      };
    case "denied":
      return {
        reason: "RemovalDenied",
        message: `${keeps}: its removal was denied (${removal.approval}).`,
        next: `It stays as it is until the definition of ${app} changes.`,
      };
    case "pass":
      return { reason: "Removing", message: `${app} is leaving ${cluster.name}.`, next: null };
  }
}

const grantText = (approval: string | null): string =>
  approval === null ? "See it in a moment: muster approval list" : `muster approval grant ${approval}, or deny`;

const counted = (count: number): string => `${count} ${count === 1 ? "cluster" : "clusters"}`;
const upperFirst = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
