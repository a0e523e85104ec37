import type { Instant } from "@muster/shared/clock.ts";
import type { RemovalLimit } from "@muster/shared/model/assignment.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { Epoch } from "@muster/shared/model/mark.ts";
import type { AssignedEntry } from "./documents/assigned.ts";
import { type Intent, stageOf, targetRelease } from "./documents/intent.ts";
import type { ObservedEntry } from "./documents/observed.ts";
import { type BundleFacts, hasSameOptions, type Release } from "./documents/release.ts";
import { overrules } from "./epoch.ts";
import { holdLeaving, markLeaving } from "./plan-removal.ts";
import type { RemovalVerdict } from "./removal-brake.ts";

/** One registered cluster as the planner sees it. */
export interface FleetMember {
  readonly id: ClusterId;
  /** Whether a session is open now. */
  readonly isConnected: boolean;
  readonly isRevoked: boolean;
  readonly observed: ObservedEntry | null;
}

export interface RolloutFacts {
  readonly intent: Intent;
  readonly releases: ReadonlyMap<number, Release>;
  /** Of a target Release with many variants: what each placed cluster gets. Who is not in it waits for its render. */
  readonly variants: ReadonlyMap<ClusterId, VariantContent>;
  /** Clusters that the App's placement wants. */
  readonly placed: ReadonlySet<ClusterId>;
  /** What happens in a cluster that the App leaves. */
  readonly onUnplaced: "delete" | "keep";
  readonly assigned: ReadonlyMap<ClusterId, AssignedEntry>;
  /** Asked only for clusters that are placed or assigned. */
  readonly fleet: Pick<ReadonlyMap<ClusterId, FleetMember>, "get">;
  /** What the brake says of each cluster that the App leaves; one it says nothing of stays. */
  readonly removals: ReadonlyMap<ClusterId, RemovalVerdict>;
  /** How much an agent may delete by a Release, unasked or approved; null: by the tombstone that it refused. */
  readonly pruneLimit: (release: number | null, cluster: ClusterId) => RemovalLimit;
  /** Only these may have changed since nothing was left to decide; absent or null: any may have. */
  readonly focus?: ReadonlySet<ClusterId> | null;
  readonly now: Instant;
}

/** The variant of a Release that one cluster gets. */
export interface VariantContent {
  readonly bundle: BundleFacts;
  readonly namespace: string;
}

export type AssignedContent = AssignedEntry["content"];

/** Data with reasons: printed, compared, replayed. */
export type Decision =
  | {
      readonly kind: "assign";
      readonly cluster: ClusterId;
      readonly epoch: Epoch;
      readonly generation: number;
      readonly content: AssignedContent;
      readonly reason: string;
    }
  /** The agent confirmed its tombstone. */
  | { readonly kind: "confirm"; readonly cluster: ClusterId; readonly reason: string }
  /** Since when the cluster leaves, to be stored beside what it is assigned; null: it came back. */
  | { readonly kind: "mark"; readonly cluster: ClusterId; readonly leaving: AssignedEntry["leaving"] | null }
  | {
      readonly kind: "hold";
      readonly cluster: ClusterId;
      readonly code:
        | "Ahead"
        | "NoRelease"
        | "Rendering"
        | "Revoked"
        | "UpToDate"
        | "RemovalInGrace"
        | "RemovalWaits"
        | "RemovalDenied";
      readonly reason: string;
    };

export interface RolloutPlan {
  readonly decisions: readonly Decision[];
  /** The sequence must rise, durably, before any of `decisions` may be carried out: then plan again. */
  readonly needsSequence: boolean;
  /** The Release that every reachable cluster of the stage now runs Healthy, if it was not known yet. */
  readonly completes: number | null;
  /** Of a deleted App: every cluster confirmed its tombstone or was removed. */
  readonly isGone: boolean;
  /** When time alone may change the plan. Null: only an event can. */
  readonly recheckAt: Instant | null;
}

/**
 * What each cluster is to be given, from what was decided (intent), what is there to give (releases), who wants it
 * (placement), what was given (assigned) and what was seen (fleet). One stage of all clusters, at once.
 */
export function planRollout(facts: RolloutFacts): RolloutPlan {
  // A deletion is over when all are done with it: there is no part of that.
  const focus = facts.intent.deletion === null ? (facts.focus ?? null) : null;
  const clusters = [...(focus ?? new Set([...facts.assigned.keys(), ...facts.placed]))].sort();
  const decisions = clusters.flatMap((cluster) => {
    const decision = decide(cluster, facts);
    if (decision === null) return [];
    const mark = markLeaving(facts.assigned.get(cluster), decision, facts.removals.get(cluster));
    return mark === null ? [decision] : [mark, decision];
  });
  const needsSequence = decisions.some(
    (decision) =>
      decision.kind === "assign" && decision.generation <= (facts.assigned.get(decision.cluster)?.generation ?? 0),
  );
  return {
    decisions,
    needsSequence,
    completes: completedRelease(facts, decisions),
    isGone: facts.intent.deletion !== null && clusters.every((cluster) => isDone(cluster, facts, decisions)),
    recheckAt: endOfGrace(facts.removals),
  };
}

function endOfGrace(removals: RolloutFacts["removals"]): Instant | null {
  let earliest: Instant | null = null;
  for (const verdict of removals.values()) {
    if (verdict.kind === "grace" && (earliest === null || verdict.until < earliest)) earliest = verdict.until;
  }
  return earliest;
}

function decide(cluster: ClusterId, facts: RolloutFacts): Decision | null {
  const entry = facts.assigned.get(cluster);
  const member = facts.fleet.get(cluster);
  if (member === undefined || member.isRevoked) {
    const reason = "The cluster was removed from this hub; what runs there keeps running.";
    return { kind: "hold", cluster, code: "Revoked", reason };
  }
  const wanted = wantedContent(cluster, entry, facts);
  if (wanted === null) return null;
  if (wanted.kind === "hold") return wanted;

  const { content, reason } = wanted;
  const epoch = epochFor(cluster, facts.intent, entry);
  const generation = facts.intent.sequence;
  const ahead = unanswered(member.observed?.ahead ?? null, entry);
  if (!overrules({ epoch, generation }, ahead)) {
    const held = ahead === null ? "" : ` (generation ${ahead.generation} of epoch ${ahead.epoch.number})`;
    const message = `The agent holds an assignment that this hub does not remember${held}; it keeps what it runs.`;
    return { kind: "hold", cluster, code: "Ahead", reason: message };
  }
  if (
    entry !== undefined &&
    isSame(entry.content, content, facts.releases) &&
    ahead === null &&
    !isRecovered(cluster, facts.intent, entry)
  ) {
    return isConfirmed(entry, member)
      ? { kind: "confirm", cluster, reason: "The agent confirmed the tombstone." }
      : { kind: "hold", cluster, code: "UpToDate", reason: "This is what it was assigned." };
  }
  return { kind: "assign", cluster, epoch, generation, content, reason };
}

type Wanted = { readonly kind: "content"; readonly content: AssignedContent; readonly reason: string };

/** What a cluster is to have; null when the App has nothing to do with it. */
function wantedContent(
  cluster: ClusterId,
  entry: AssignedEntry | undefined,
  { intent, releases, variants, placed, onUnplaced, removals, pruneLimit }: RolloutFacts,
): Wanted | Extract<Decision, { kind: "hold" }> | null {
  const leaves = intent.deletion !== null || !placed.has(cluster);
  if (leaves) {
    if (entry === undefined || entry.content.kind === "removed") return null;
    const action = intent.deletion?.action ?? onUnplaced;
    // A tombstone on its way is not called back to say it differently: only a deletion has the last word.
    const { approval: approved } = pruneLimit(null, cluster);
    if (entry.content.kind === "remove" && intent.deletion === null) {
      const content = withApproval(entry.content, approved);
      return { kind: "content", content, reason: "It left the App's placement." };
    }
    const reason = intent.deletion === null ? "It left the App's placement." : "The App was deleted.";
    if (entry.content.kind === "remove") {
      return { kind: "content", content: { ...withApproval(entry.content, approved), action }, reason };
    }
    const verdict = removals.get(cluster);
    if (verdict?.kind !== "pass") return holdLeaving(cluster, verdict);
    const { approval, objectsMax } = verdict;
    return { kind: "content", content: { kind: "remove", action, removal: { approval, objectsMax } }, reason };
  }
  const target = targetRelease(intent);
  const release = target === null ? undefined : releases.get(target);
  if (release === undefined) {
    return { kind: "hold", cluster, code: "NoRelease", reason: "There is no Release of this App yet." };
  }
  const variant = release.bundle === null ? variants.get(cluster) : null;
  if (variant === undefined) {
    const reason = `r${release.number} is not rendered for this cluster yet.`;
    return { kind: "hold", cluster, code: "Rendering", reason };
  }
  const before = entry?.content.kind === "run" ? entry.content : null;
  const direction = before !== null && before.release > release.number ? "back" : "forward";
  const content: AssignedContent = {
    kind: "run",
    release: release.number,
    digest: (variant?.bundle ?? (release.bundle as BundleFacts)).digest,
    // The same Release again keeps the direction it came by.
    direction: before?.release === release.number ? before.direction : direction,
    ...(variant
      ? { variant: { objects: variant.bundle.objects, bytes: variant.bundle.bytes, namespace: variant.namespace } }
      : {}),
    removal: pruneLimit(release.number, cluster),
  };
  const reason = intent.pin === null ? `r${release.number} is what Git says.` : `Pinned to r${release.number}.`;
  return { kind: "content", content, reason };
}

/** A tombstone that an agent refused goes out again with the approval it waits for. */
const withApproval = <T extends Extract<AssignedContent, { kind: "remove" }>>(
  content: T,
  approval: string | null,
): T =>
  approval === null ? content : { ...content, removal: { approval, objectsMax: content.removal?.objectsMax ?? 0 } };

/** Of two Releases, one cluster's content may be the same: then nothing moves there. */
function isSame(one: AssignedContent, other: AssignedContent, releases: RolloutFacts["releases"]): boolean {
  // A limit alone is no reason to assign anew; an approval is: the agent waits for it.
  if (other.removal?.approval != null && one.removal?.approval !== other.removal.approval) return false;
  if (one.kind !== "run") return other.kind === one.kind && one.action === other.action;
  if (other.kind !== "run" || one.digest !== other.digest) return false;
  if (one.release === other.release) return true;
  const [from, to] = [releases.get(one.release), releases.get(other.release)];
  return (
    from !== undefined &&
    to !== undefined &&
    hasSameOptions(from, to) &&
    (one.variant?.namespace ?? from.options.destination.namespace) ===
      (other.variant?.namespace ?? to.options.destination.namespace)
  );
}

/** A recovery gives its clusters marks of its epoch, whatever their App's own is; an entry never goes back. */
function epochFor(cluster: ClusterId, intent: Intent, entry: AssignedEntry | undefined): Epoch {
  let highest = intent.epoch;
  for (const epoch of [entry?.epoch, recoveryOf(cluster, intent)?.epoch]) {
    if (epoch !== undefined && epoch.number > highest.number) highest = epoch;
  }
  return highest;
}

function recoveryOf(cluster: ClusterId, { recovery }: Intent): Intent["recovery"] {
  return recovery !== null && (recovery.clusters === null || recovery.clusters.includes(cluster)) ? recovery : null;
}

/** A recovery of named clusters assigns anew even what is the same; in one of all, being Ahead tells who needs it. */
function isRecovered(cluster: ClusterId, intent: Intent, entry: AssignedEntry): boolean {
  const recovery = recoveryOf(cluster, intent);
  return recovery !== null && recovery.clusters !== null && entry.epoch.number < recovery.epoch.number;
}

/** An Ahead mark counts until an assignment of a later epoch was made above it. */
function unanswered(ahead: ObservedEntry["ahead"], entry: AssignedEntry | undefined): ObservedEntry["ahead"] {
  if (ahead === null || entry === undefined) return ahead;
  return entry.epoch.number > ahead.epoch.number ? null : ahead;
}

function isConfirmed(entry: AssignedEntry, { observed }: FleetMember): boolean {
  const report = observed?.report;
  return (
    entry.content.kind === "remove" &&
    report?.phase === "Removed" &&
    report.generation === entry.generation &&
    report.epoch.number === entry.epoch.number &&
    report.epoch.tag === entry.epoch.tag
  );
}

function isDone(cluster: ClusterId, facts: RolloutFacts, decisions: readonly Decision[]): boolean {
  const member = facts.fleet.get(cluster);
  if (member === undefined || member.isRevoked) return true;
  const entry = facts.assigned.get(cluster);
  if (entry === undefined || entry.content.kind === "removed") return true;
  return decisions.some((decision) => decision.kind === "confirm" && decision.cluster === cluster);
}

/**
 * No false green: at least one cluster, and every one that is reachable, reported Healthy for this very digest and
 * generation. A cluster that is offline or Ahead is skipped.
 */
function completedRelease(facts: RolloutFacts, decisions: readonly Decision[]): number | null {
  const { intent, placed, assigned, fleet } = facts;
  const target = targetRelease(intent);
  if (target === null || intent.deletion !== null || stageOf(intent).completed === target) return null;
  if (decisions.some((decision) => decision.kind === "assign")) return null;
  let healthy = 0;
  for (const cluster of placed) {
    const entry = assigned.get(cluster);
    const member = fleet.get(cluster);
    if (member === undefined || !member.isConnected || unanswered(member.observed?.ahead ?? null, entry)) continue;
    if (entry === undefined || !isHealthy(entry, member.observed)) return null;
    const decision = decide(cluster, facts);
    if (decision?.kind !== "hold" || decision.code !== "UpToDate") return null;
    healthy += 1;
  }
  return healthy > 0 ? target : null;
}

function isHealthy(entry: AssignedEntry, observed: ObservedEntry | null): boolean {
  const report = observed?.report;
  return (
    entry.content.kind === "run" &&
    report?.phase === "Applied" &&
    report.health === "Healthy" &&
    report.generation === entry.generation &&
    report.epoch.number === entry.epoch.number &&
    report.digest === entry.content.digest
  );
}
