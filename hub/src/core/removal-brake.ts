import type { Instant } from "@muster/shared/clock.ts";
import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";

/**
 * The one brake that every removal passes. A cluster that an App leaves keeps it until its grace is over; and more than
 * a few at once wait for a person, who approves exactly the pairs that were named.
 *
 * What happens at once is counted by action (one definition, one deletion, one cluster's labels), and all the small
 * actions of the last ten minutes together: fifty labels changed one by one are one typo.
 */

/** How much may go without asking: more than the larger of number and percentage waits. */
export interface RemovalGuard {
  readonly pairs: number;
  /** Of all assigned (cluster, App) pairs. */
  readonly pairsPercent: number;
  readonly objects: number;
  /** Of an App's inventory over all its clusters. */
  readonly objectsPercent: number;
}

export const REMOVAL_GUARD: RemovalGuard = { pairs: 10, pairsPercent: 5, objects: 20, objectsPercent: 10 };

/** Removals that follow each other within this time count together. */
export const REMOVAL_WINDOW_MS = 10 * 60_000;

/** Why a cluster leaves: the App's definition changed, the cluster's labels did, or the App was deleted. */
export type RemovalCause = "definition" | "labels" | "deletion";

/** A cluster that runs an App and is not wanted by it any more. */
export interface LeavingPair {
  readonly app: AppUid;
  readonly cluster: ClusterId;
  readonly cause: RemovalCause;
  readonly since: Instant;
  readonly graceMs: number;
  /** Objects that would be deleted there, as far as the cluster reported them. */
  readonly objects: number;
  /** Of the App's definition, as it is now: a denial holds for one. */
  readonly changes: number;
  /** An App that was made again under the same name runs there, and owns the objects: the tombstone deletes none. */
  readonly isSucceeded?: boolean;
}

/** One that went without approval, and still counts. */
export type PassedPair = Pick<LeavingPair, "app" | "cluster" | "objects"> & { readonly at: Instant };

/** An approval that was asked for and is not closed. */
export interface StandingApproval {
  readonly id: string;
  /** Which action it was asked for; see `actionOf`. */
  readonly key: string;
  readonly state: "pending" | "granted" | "denied";
  readonly created: Instant;
  /** Pairs that had gone without approval when it was asked for, and made it necessary. */
  readonly passedBefore: number;
  readonly pairs: ReadonlyMap<AppUid, { readonly changes: number; readonly clusters: ReadonlySet<ClusterId> }>;
}

export interface RemovalFacts {
  readonly guard: RemovalGuard;
  readonly now: Instant;
  /** All (cluster, App) pairs of the fleet that are assigned to run, those that leave included. */
  readonly pairsTotal: number;
  /** Objects of an App over all its clusters. */
  readonly inventoryOf: (app: AppUid) => number;
  readonly leaving: readonly LeavingPair[];
  /** Within the window. */
  readonly passed: readonly PassedPair[];
  readonly approvals: readonly StandingApproval[];
}

export type RemovalVerdict = { readonly pair: LeavingPair } & (
  | {
      readonly kind: "pass";
      /** Null: it needs none. */
      readonly approval: string | null;
      /** What the agent may delete without approval. */
      readonly objectsMax: number;
    }
  | { readonly kind: "grace"; readonly until: Instant; readonly approval: string | null }
  /** `approval` is null for the moment until it was asked for. */
  | { readonly kind: "waits"; readonly approval: string | null; readonly reason: string }
  | { readonly kind: "denied"; readonly approval: string }
);

/** An approval that a person is to be asked for. */
export interface Ask {
  readonly key: string;
  readonly pairs: readonly LeavingPair[];
  readonly reason: string;
  readonly passedBefore: number;
  /** The one it takes the place of, because more is to go by now. */
  readonly replaces: string | null;
}

export interface RemovalPlan {
  readonly verdicts: ReadonlyMap<AppUid, ReadonlyMap<ClusterId, RemovalVerdict>>;
  readonly asks: readonly Ask[];
  /** Nothing waits for these any more. */
  readonly close: readonly {
    readonly id: string;
    readonly as: "withdrawn" | "used" | "denied";
    readonly reason: string;
  }[];
  readonly recheckAt: Instant | null;
}

/** Small actions that only together are too much. */
export const TOGETHER = "together";

export function actionOf({ cause, app, cluster }: Pick<LeavingPair, "cause" | "app" | "cluster">): string {
  return cause === "labels" ? `labels/${cluster}` : `${cause}/${app}`;
}

export const pairsLimit = ({ guard, pairsTotal }: Pick<RemovalFacts, "guard" | "pairsTotal">): number =>
  Math.max(guard.pairs, Math.floor((pairsTotal * guard.pairsPercent) / 100));

export const objectsLimit = (guard: RemovalGuard, inventory: number): number =>
  Math.max(guard.objects, Math.floor((inventory * guard.objectsPercent) / 100));

/** What each pair that leaves is to wait for, and what to ask people. Pure; the same facts give the same plan. */
export function decideRemovals(facts: RemovalFacts): RemovalPlan {
  const verdicts = new Map<AppUid, Map<ClusterId, RemovalVerdict>>();
  const limits = new Map<AppUid, number>();
  let recheckAt = Number.POSITIVE_INFINITY;
  const say = (verdict: RemovalVerdict): void => {
    const { app, cluster } = verdict.pair;
    const ofApp = verdicts.get(app);
    if (ofApp === undefined) verdicts.set(app, new Map([[cluster, verdict]]));
    else ofApp.set(cluster, verdict);
  };
  const objectsMaxOf = (app: AppUid): number => {
    const known = limits.get(app) ?? objectsLimit(facts.guard, facts.inventoryOf(app));
    limits.set(app, known);
    return known;
  };
  const asks: Ask[] = [];
  const inUse = new Set<string>();
  const pending = facts.approvals.filter(({ state }) => state === "pending");
  const decidedOnes = facts.approvals.filter(({ state }) => state !== "pending");

  const go = (pair: LeavingPair, approval: string | null): void => {
    const until = pair.since + pair.graceMs;
    if (until > facts.now) {
      recheckAt = Math.min(recheckAt, until);
      say({ kind: "grace", pair, until, approval });
    } else say({ kind: "pass", pair, approval, objectsMax: objectsMaxOf(pair.app) });
  };
  /** All of `pairs` wait for one approval: the one that was asked for, while it names them all. */
  const hold = (key: string, pairs: readonly LeavingPair[], reason: string): void => {
    const asked = pending.find((approval) => approval.key === key);
    const isNamed = asked !== undefined && pairs.every((pair) => covers(asked, pair));
    if (isNamed) inUse.add(asked.id);
    else asks.push({ key, pairs, reason, passedBefore: passedCount(key, facts), replaces: asked?.id ?? null });
    for (const pair of pairs) say({ kind: "waits", pair, approval: isNamed ? asked.id : null, reason });
  };

  const small: LeavingPair[] = [];
  for (const pair of facts.leaving) if (pair.isSucceeded) go(pair, null);
  for (const [key, pairs] of byAction(facts.leaving.filter((pair) => !pair.isSucceeded))) {
    const open: LeavingPair[] = [];
    // Those that were approved and are not gone yet count as well: one more is more than what was approved.
    const counted: LeavingPair[] = [];
    for (const pair of pairs) {
      const decided = decidedOnes.find((approval) => covers(approval, pair));
      if (decided !== undefined) inUse.add(decided.id);
      if (decided?.state === "denied") {
        say({ kind: "denied", pair, approval: decided.id });
        continue;
      }
      counted.push(pair);
      if (decided === undefined) open.push(pair);
      else go(pair, decided.id);
    }
    if (open.length === 0) continue;
    const reason = beyond(counted, [], facts);
    if (reason === null) small.push(...open);
    else hold(key, open, reason);
  }
  judgeTogether(small, pending, facts, { go, hold });

  const replaced = new Set(asks.map(({ replaces }) => replaces));
  return {
    verdicts,
    asks,
    close: facts.approvals
      .filter(({ id }) => !inUse.has(id))
      .map((approval) => ({ id: approval.id, ...closing(approval, replaced.has(approval.id), facts) })),
    recheckAt: Number.isFinite(recheckAt) ? recheckAt : null,
  };
}

/** What waits stays waiting until a person decides or it shrinks; what comes soon after it waits with it. */
function judgeTogether(
  small: readonly LeavingPair[],
  pending: readonly StandingApproval[],
  facts: RemovalFacts,
  {
    go,
    hold,
  }: {
    go: (pair: LeavingPair, approval: string | null) => void;
    hold: (key: string, pairs: readonly LeavingPair[], reason: string) => void;
  },
): void {
  if (small.length === 0) return;
  const asked = pending.find(({ key }) => key === TOGETHER);
  const named = asked === undefined ? [] : small.filter((pair) => covers(asked, pair));
  const before = asked === undefined ? 0 : asked.passedBefore;
  const stillBeyond = named.length === 0 ? null : beyond(named, [], facts, before);
  const waiting = stillBeyond === null ? [] : named;
  const isWaiting = new Set(waiting);
  const fresh = small.filter((pair) => !isWaiting.has(pair));
  const recent = waiting.filter(({ since }) => since > facts.now - REMOVAL_WINDOW_MS);
  const joined = fresh.length === 0 ? null : beyond([...recent, ...fresh], facts.passed, facts);
  if (joined !== null) hold(TOGETHER, [...waiting, ...fresh], joined);
  else {
    if (stillBeyond !== null) hold(TOGETHER, waiting, stillBeyond);
    for (const pair of fresh) go(pair, null);
  }
}

const passedCount = (key: string, { passed }: RemovalFacts): number => (key === TOGETHER ? passed.length : 0);

/** Why these may not go unasked, in words; null when they may. */
function beyond(
  pairs: readonly LeavingPair[],
  passed: readonly PassedPair[],
  facts: RemovalFacts,
  passedBefore = passed.length,
): string | null {
  const limit = pairsLimit(facts);
  const count = pairs.length + passedBefore;
  if (count > limit) {
    const soFar = passedBefore === 0 ? "" : ` (${passedBefore} of them already gone)`;
    return `${count} placements would go at once${soFar}, and more than ${limit} need a person's approval`;
  }
  const objects = new Map<AppUid, number>();
  for (const { app, objects: more } of pairs) objects.set(app, (objects.get(app) ?? 0) + more);
  for (const { app, objects: more } of passed) if (objects.has(app)) objects.set(app, (objects.get(app) ?? 0) + more);
  for (const [app, sum] of objects) {
    // The inventory is summed up only for what could be too much.
    if (sum <= facts.guard.objects) continue;
    const objectsMax = objectsLimit(facts.guard, facts.inventoryOf(app));
    if (sum > objectsMax)
      return `${sum} objects would be deleted, and more than ${objectsMax} need a person's approval`;
  }
  return null;
}

/** A pair that came back and left again is another matter; and so is a denied one once its App's definition changed. */
function covers({ state, created, pairs }: StandingApproval, pair: LeavingPair): boolean {
  const ofApp = pairs.get(pair.app);
  if (ofApp === undefined || pair.since > created || !ofApp.clusters.has(pair.cluster)) return false;
  return state !== "denied" || ofApp.changes === pair.changes;
}

function closing(
  approval: StandingApproval,
  isReplaced: boolean,
  facts: RemovalFacts,
): { as: "withdrawn" | "used" | "denied"; reason: string } {
  if (isReplaced) return { as: "withdrawn", reason: "More is to go by now: another approval was asked for." };
  switch (approval.state) {
    case "granted":
      return { as: "used", reason: "Everything it named is on its way out, or came back." };
    case "denied":
      return { as: "denied", reason: "What it named is not to go any more." };
    case "pending": {
      const isLeft = facts.leaving.some((pair) => !pair.isSucceeded && covers(approval, pair));
      return {
        as: "withdrawn",
        reason: isLeft ? "What is left of it needs no approval." : "Nothing of what it named is to go any more.",
      };
    }
  }
}

function byAction(leaving: readonly LeavingPair[]): Map<string, LeavingPair[]> {
  const groups = new Map<string, LeavingPair[]>();
  let [key, last]: [string, LeavingPair | null] = ["", null];
  for (const pair of leaving) {
    // They come App by App, so that one key mostly serves many.
    const isSame = last !== null && pair.cause !== "labels" && pair.cause === last.cause && pair.app === last.app;
    if (!isSame) key = actionOf(pair);
    last = pair;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pair]);
    else group.push(pair);
  }
  return groups;
}
