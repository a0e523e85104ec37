import type { Clock, Instant } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import type { AppName, AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import {
  decideRemovals,
  type LeavingPair,
  objectsLimit,
  type RemovalCause,
  type RemovalFacts,
  type RemovalGuard,
  type RemovalPlan,
  type RemovalVerdict,
} from "../core/removal-brake.ts";
import type { HubState } from "./hub-state.ts";
import { type ApprovalBook, createRemovalApprovals } from "./keep-approvals.ts";
import { KeyedLoop } from "./keyed-loop.ts";
import { LeavingPairs } from "./leaving-pairs.ts";
import { WakeLater } from "./wake-later.ts";

/** A change often comes in several writes: what is asked of a person is asked when it has come to rest. */
const SETTLE_MS = 300;
const SETTLE_MS_MAX = 5_000;
/** The window moves by time alone. */
const PLAN_AGE_MS_MAX = 60_000;
/** Each tombstone changes what leaves: of a thousand, not every one is reason to look at all again. */
const LOOK_EVERY_MS = 200;
const FLEET = "fleet";

export interface RemovalBrake {
  /** What each cluster that leaves this App is to wait for, by all that is stored at this moment. */
  verdictsOf(app: AppUid): ReadonlyMap<ClusterId, RemovalVerdict>;
  /** Why removals that are only thought of would wait for a person; null: they would not. */
  preview(pairs: readonly Pick<LeavingPair, "app" | "cluster" | "cause">[]): string | null;
  /** What an agent may delete unasked, of an inventory of this many objects. */
  objectsMax(inventory: number): number;
  start(): void;
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export interface RemovalBrakeDeps {
  readonly state: HubState;
  readonly approvals: ApprovalBook;
  readonly guard: RemovalGuard;
  /** What an App may do with these of its clusters is another than before. */
  readonly onVerdict: (app: AppUid, clusters: readonly ClusterId[]) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/**
 * Pairs that leave + approvals → verdicts. Nothing is let go but by a verdict made from everything that is stored, so
 * what one change brings about is counted whole before its first tombstone. Its own loop asks people, and closes what
 * need not be asked any more. Make it before the state is read.
 */
export function brakeRemovals(deps: RemovalBrakeDeps): RemovalBrake {
  const { state, guard, clock } = deps;
  const leaving = new LeavingPairs(state, clock);
  const approvals = createRemovalApprovals({ state, book: deps.approvals }, leaving, namesOf(state));
  const told = new Map<AppUid, ReadonlyMap<ClusterId, string>>();
  let made: { plan: RemovalPlan; at: Instant } | null = null;
  let unsettledSince: Instant | null = null;
  let changedAt: Instant = 0;
  let lookedAt: Instant = Number.NEGATIVE_INFINITY;

  const loop = new KeyedLoop({
    name: "brake removals",
    concurrencyMax: 1,
    clock,
    random: deps.random,
    log: deps.log,
    work: async (_key, signal) => {
      const now = clock.now();
      if (now >= lookedAt && now - lookedAt < LOOK_EVERY_MS) return later.at("again", lookedAt + LOOK_EVERY_MS);
      lookedAt = now;
      if (plan().asks.length > 0) await settle(signal);
      const { asks, close } = plan();
      await approvals.carryOut({ asks, close });
      unsettledSince = null;
      tell();
    },
  });
  const later = new WakeLater({ clock, wake: () => loop.wake(FLEET) });

  const changed = (): void => {
    made = null;
    changedAt = clock.now();
    unsettledSince ??= changedAt;
    loop.wake(FLEET);
  };
  leaving.onChange(changed);
  state.approvals.onChange(changed);
  state.approvalPairs.onChange(() => {
    made = null;
  });

  function facts(more: readonly LeavingPair[] = []): RemovalFacts {
    const now = clock.now();
    const passed = leaving.passed(now);
    return {
      guard,
      now,
      pairsTotal: leaving.running + passed.length,
      inventoryOf: (app) => leaving.inventoryOf(app),
      leaving: [...leaving.all(), ...more],
      passed,
      approvals: approvals.standing(),
    };
  }

  function plan(): RemovalPlan {
    const now = clock.now();
    const isCurrent =
      made !== null &&
      now >= made.at &&
      now - made.at < PLAN_AGE_MS_MAX &&
      (made.plan.recheckAt === null || now < made.plan.recheckAt);
    if (made !== null && isCurrent) return made.plan;
    made = { plan: decideRemovals(facts()), at: now };
    if (made.plan.recheckAt !== null) later.at("grace", made.plan.recheckAt);
    return made.plan;
  }

  async function settle(signal: AbortSignal): Promise<void> {
    const latest = (unsettledSince ?? clock.now()) + SETTLE_MS_MAX;
    for (;;) {
      const until = Math.min(changedAt + SETTLE_MS, latest);
      if (clock.now() >= until) return;
      await clock.sleep(until - clock.now(), signal);
    }
  }

  /** Wakes the Apps of which something else is to be said than before. */
  function tell(): void {
    const { verdicts } = plan();
    for (const app of new Set([...told.keys(), ...verdicts.keys()])) {
      const before = told.get(app) ?? new Map<ClusterId, string>();
      const now = new Map([...(verdicts.get(app) ?? [])].map(([cluster, verdict]) => [cluster, textOf(verdict)]));
      const changed = [...new Set([...before.keys(), ...now.keys()])].filter(
        (cluster) => before.get(cluster) !== now.get(cluster),
      );
      if (changed.length === 0) continue;
      if (now.size === 0) told.delete(app);
      else told.set(app, now);
      deps.onVerdict(app, changed);
    }
    state.notifyChange();
  }

  return {
    verdictsOf: (app) => plan().verdicts.get(app) ?? NONE,
    preview(pairs) {
      const now = clock.now();
      const more = pairs.flatMap(({ app, cluster, cause }) => {
        const runs = state.entriesOf(app).get(cluster)?.content.kind === "run";
        return runs && !leaving.isLeaving(app, cluster) ? [leaving.pair(app, cluster, { since: now, cause })] : [];
      });
      if (more.length === 0) return null;
      const { verdicts } = decideRemovals(facts(more));
      for (const { app, cluster } of more) {
        const verdict = verdicts.get(app)?.get(cluster);
        if (verdict?.kind === "waits") return verdict.reason;
      }
      return null;
    },
    objectsMax: (inventory) => objectsLimit(guard, inventory),
    start() {
      loop.start();
      loop.wake(FLEET);
    },
    idle: () => loop.idle(),
    async stop() {
      later.stop();
      await loop.stop();
    },
  };
}

const NONE: ReadonlyMap<ClusterId, RemovalVerdict> = new Map();

function textOf(verdict: RemovalVerdict): string {
  const { since } = verdict.pair;
  const until = verdict.kind === "grace" ? verdict.until : "";
  return `${since} ${verdict.kind} ${verdict.approval} ${until}`;
}

/** For people; what is gone meanwhile is told by its id. */
function namesOf(state: HubState): { app: (uid: AppUid) => AppName; cluster: (id: ClusterId) => string } {
  return {
    app(uid) {
      const { project, name } = state.appByUid(uid)?.definition.metadata ??
        state.intents.get(uid)?.app ?? { project: "default", name: uid };
      return { project, name };
    },
    cluster: (id) => state.clusters.get(id)?.name ?? id,
  };
}

export type { RemovalCause };
