import type { Clock, Instant } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppUid, type ClusterId, formatApp, type HubId } from "@muster/shared/model/ids.ts";
import { type AdvanceFacts, advanceIntent, complete, steer } from "../core/advance-intent.ts";
import { assignShards } from "../core/assign-shards.ts";
import { shardKey } from "../core/documents/assigned.ts";
import { HUB_ACTOR } from "../core/documents/audit-entry.ts";
import { appKey, type StoredApp } from "../core/documents/definition.ts";
import { type Intent, newIntent, stageOf, targetRelease } from "../core/documents/intent.ts";
import type { ObservedEntry } from "../core/documents/observed.ts";
import {
  type Decision,
  type FleetMember,
  planRollout,
  type RolloutFacts,
  type VariantContent,
} from "../core/plan-rollout.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import type { Refusals } from "./answer-refusals.ts";
import { assignmentPayload } from "./assignment-payload.ts";
import type { RemovalBrake } from "./brake-removals.ts";
import { type Focus, FocusBook } from "./focus-book.ts";
import type { PruneGuard } from "./guard-prunes.ts";
import type { HubState } from "./hub-state.ts";
import { KeyedLoop } from "./keyed-loop.ts";
import type { ReleaseContents } from "./render/release-contents.ts";
import { placedClusters } from "./render/variant-clusters.ts";
import type { Rendering } from "./render-releases.ts";
import type { Traces } from "./trace.ts";

const APPS_AT_ONCE_MAX = 16;
/** Intent, intent once more with the sequence raised, assigned, and one for what came in between. */
const ROUNDS_MAX = 8;

export interface DriveRolloutsDeps {
  readonly state: HubState;
  readonly hubId: HubId;
  /** The leader's term, from the lease. */
  readonly term: () => number;
  readonly isConnected: (cluster: ClusterId) => boolean;
  readonly renderingOf: (app: AppUid) => Rendering;
  readonly contents: ReleaseContents;
  /** A placed cluster's variant of its target Release is not rendered. */
  readonly onMissing: (app: AppUid, release: number) => void;
  readonly brake: Pick<RemovalBrake, "verdictsOf" | "objectsMax">;
  readonly prunes: Pick<PruneGuard, "look" | "newestAdmitted" | "approvalOf">;
  readonly refusals: Refusals;
  /** Time alone may change an App's plan: it is to be looked at again then. */
  readonly wakeAt: (app: AppUid, at: Instant) => void;
  /** Every cluster of a deleted App confirmed. */
  readonly onGone: (app: AppUid) => void;
  readonly traces: Traces;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: HubMetrics;
  readonly log: Log;
}

export interface RolloutDriver extends Pick<KeyedLoop, "start" | "stop" | "idle"> {
  /**
   * Looks at an App again, soon. With `clusters`, only what is planned for these can be another than before: the rest
   * is left alone, so that a change of one cluster costs no plan of ten thousand.
   */
  wake(app: AppUid, clusters?: Iterable<ClusterId> | null): void;
}

/**
 * Release + fleet → intent → plan → assigned. One App at a time in its own turn, always from what is stored now, so it
 * may be woken by anything, any number of times, and killed between any two writes.
 *
 * The order of writes is the promise: what is decided goes into the intent, durably and with a raised sequence, before
 * an entry is assigned by it; and an entry is stored before it is sent (publish-assignments hears of stored ones only).
 */
export function driveRollouts(deps: DriveRolloutsDeps): RolloutDriver {
  const { state, clock, metrics } = deps;
  const focus = new FocusBook();
  const loop = new KeyedLoop({
    name: "drive rollouts",
    concurrencyMax: APPS_AT_ONCE_MAX,
    clock,
    random: deps.random,
    log: deps.log,
    onFailure: () => metrics.count("work-failures"),
    work: async (key, signal) => {
      const uid = key as AppUid;
      try {
        for (let round = 0; round < ROUNDS_MAX && !signal.aborted; round += 1) {
          const on = focus.of(uid);
          if (on === undefined) return;
          if (!(await driveOnce(deps, uid, on))) focus.settle(uid, on);
        }
        if (!signal.aborted && focus.of(uid) !== undefined) {
          throw new AppError("conflict", `${key} does not come to rest`, { retryable: true });
        }
      } catch (error) {
        // Whatever was planned from is not what is there.
        focus.add(uid, null);
        throw error;
      }
    },
  });
  return {
    wake(app, clusters = null) {
      focus.add(app, clusters);
      loop.wake(app);
    },
    start: () => loop.start(),
    stop: () => loop.stop(),
    idle: () => loop.idle(),
  };

  /** Carries out the first thing there is to do. Resolves with whether there was any. */
  async function driveOnce(input: DriveRolloutsDeps, uid: AppUid, on: Focus): Promise<boolean> {
    const stored = state.appByUid(uid);
    const intent = state.intents.get(uid);
    if (intent === null) return stored === null ? false : createIntent(input, stored);
    if (intent.deletion !== null && stored !== null) return finishDeletion(input, stored);
    await input.prunes.look(uid);
    await input.refusals.look(uid);
    if (intent.deletion === null && stored === null) return false; // nothing says that it was deleted: leave it alone

    const advanced = await writeIntent(input, uid, (current) => advanceIntent(current, gitFacts(input, uid)));
    if (advanced) {
      input.traces.mark(uid, "intended", clock.now());
      return true;
    }
    const facts = await gather(input, uid, { intent, stored, on });
    const plan = planRollout(facts);
    const app = formatApp(intent.app);
    if (plan.recheckAt !== null) input.wakeAt(uid, plan.recheckAt);
    if (plan.needsSequence) {
      return writeIntent(input, uid, (current) =>
        raise(current, "placement, or what the App's clusters are to have", clock.now()),
      );
    }
    if (plan.decisions.some((decision) => decision.kind !== "hold")) {
      // A new leader first takes the App over, so that what an older one still writes to the intent fails.
      if (intent.term !== input.term()) return writeIntent(input, uid, (current) => current);
      return assign(input, uid, intent, plan.decisions);
    }
    if (plan.completes !== null) {
      const release = plan.completes;
      input.log.info({ app, release }, "release completed");
      return writeIntent(input, uid, (current) => complete(current, release));
    }
    if (plan.isGone) input.onGone(uid);
    return false;
  }

  /** True when the intent was written. Every write of the planner carries the term. */
  async function writeIntent(
    { term }: DriveRolloutsDeps,
    uid: AppUid,
    change: (current: Intent) => Intent | null,
  ): Promise<boolean> {
    const began = clock.now();
    let hasChanged = false;
    await state.intents.write(uid, (current) => {
      hasChanged = false;
      if (current === null) return null;
      const next = change(current);
      if (next === null || (next === current && current.term === term())) return null;
      hasChanged = true;
      return { ...next, term: term() };
    });
    if (hasChanged) metrics.took("intend", clock.now() - began);
    return hasChanged;
  }

  async function createIntent(input: DriveRolloutsDeps, stored: StoredApp): Promise<boolean> {
    const { project, name } = stored.definition.metadata;
    const facts = gitFacts(input, stored.uid);
    // Without a Release there is nothing to intend; the first one makes the intent.
    if (facts.newest === null) return false;
    await state.intents.write(stored.uid, (current) => {
      if (current !== null) return null;
      const fresh = newIntent({ uid: stored.uid, project, name }, { term: input.term(), epoch: state.epoch });
      return advanceIntent(fresh, facts) ?? fresh;
    });
    input.traces.mark(stored.uid, "intended", clock.now());
    return true;
  }

  /** The hub was killed between deleting the App and its definition. */
  async function finishDeletion(_input: DriveRolloutsDeps, stored: StoredApp): Promise<boolean> {
    const { project, name } = stored.definition.metadata;
    await state.definitions.write(appKey({ project, name }), (current) =>
      current?.kind === "App" && current.uid === stored.uid && !current.deleted
        ? { ...current, deleted: true, changes: current.changes + 1, changed: clock.now() }
        : null,
    );
    return true;
  }

  function gitFacts(input: DriveRolloutsDeps, uid: AppUid): AdvanceFacts {
    return {
      newest: input.prunes.newestAdmitted(uid),
      rendered: input.renderingOf(uid).rendered,
      hubEpoch: state.epoch,
      now: clock.now(),
    };
  }

  async function assign(
    input: DriveRolloutsDeps,
    uid: AppUid,
    intent: Intent,
    decisions: readonly Decision[],
  ): Promise<boolean> {
    const began = clock.now();
    const releases = state.releasesOf(uid);
    const payloadOf = (decision: Extract<Decision, { kind: "assign" }>): string => {
      const { cluster, content } = decision;
      const release = content.kind === "run" ? releases.get(content.release) : undefined;
      const made = assignmentPayload({ hubId: input.hubId, cluster, app: intent.app, entry: decision, release });
      if (made === null) throw new Error(`an assignment of ${uid} says nothing`);
      return made.sha256;
    };
    const shards = state.shardsOf(uid);
    const changed = assignShards({
      app: uid,
      term: intent.term,
      shards,
      decisions,
      payloadOf,
      now: clock.now(),
    });
    // As it is stored, which for a shard that the sweep emptied is a document without clusters.
    const planned = new Map(changed.map(({ shard }) => [shard, state.assigned.get(shardKey(uid, shard))]));
    for (const shard of changed) {
      await state.assigned.write(shardKey(uid, shard.shard), (current) => {
        // Another leader wrote it since it was planned from: nothing of this plan holds any more.
        if (current !== planned.get(shard.shard))
          throw new AppError("conflict", `assigned ${uid} changed under the plan`);
        return shard;
      });
    }
    metrics.took("assign", clock.now() - began);
    for (const decision of decisions) {
      if (decision.kind !== "assign") continue;
      const { cluster, generation, content, reason } = decision;
      const release = content.kind === "run" ? content.release : null;
      input.log.info({ app: formatApp(intent.app), cluster, generation, release, reason }, "cluster assigned");
    }
    return true;
  }

  async function gather(
    input: DriveRolloutsDeps,
    uid: AppUid,
    { intent, stored, on }: { intent: Intent; stored: StoredApp | null; on: Focus },
  ): Promise<RolloutFacts> {
    // Read before the rest, which is of one moment.
    const variants = await variantsFor(input, uid, { intent, stored });
    const observed = state.observedOf(uid);
    const assigned = state.entriesOf(uid);
    const member = (id: ClusterId): FleetMember | undefined => {
      const record = state.clusters.get(id);
      if (record === null) return undefined;
      return {
        id,
        isConnected: input.isConnected(id),
        isRevoked: record.revoked !== null,
        observed: observed.get(id) ?? null,
      };
    };
    return {
      intent,
      releases: state.releasesOf(uid),
      variants,
      placed: stored === null ? new Set() : state.placements.of(stored),
      onUnplaced: stored?.definition.spec.onUnplaced.action ?? intent.deletion?.action ?? "keep",
      assigned,
      fleet: { get: member },
      removals: input.brake.verdictsOf(uid),
      pruneLimit: pruneLimits(input, uid, observed),
      focus: on === null ? null : new Set(on),
      now: clock.now(),
    };
  }
}

/** Looked up once for a plan, which asks for each cluster. */
function pruneLimits(
  { prunes, refusals, brake }: DriveRolloutsDeps,
  app: AppUid,
  observed: ReadonlyMap<ClusterId, ObservedEntry>,
): RolloutFacts["pruneLimit"] {
  const refused = refusals.approvalsOf(app);
  const ofRelease = new Map<number, string | null>();
  return (release, cluster) => {
    if (release !== null && !ofRelease.has(release)) ofRelease.set(release, prunes.approvalOf(app, release));
    const approval = refused.get(cluster) ?? (release === null ? null : (ofRelease.get(release) ?? null));
    return { approval, objectsMax: brake.objectsMax(observed.get(cluster)?.report?.objects ?? 0) };
  };
}

/** What each placed cluster gets of the target Release, where clusters get different things. Asks for what is missing. */
async function variantsFor(
  { state, contents, onMissing }: DriveRolloutsDeps,
  uid: AppUid,
  { intent, stored }: { intent: Intent; stored: StoredApp | null },
): Promise<RolloutFacts["variants"]> {
  const target = targetRelease(intent);
  const release = target === null ? undefined : state.releasesOf(uid).get(target);
  const variants = new Map<ClusterId, VariantContent>();
  if (stored === null || intent.deletion !== null || release === undefined || release.bundle !== null) return variants;
  let isComplete = true;
  for (const [cluster, content] of await contents.of(release, placedClusters(state, stored))) {
    if (content.kind === "rendered") variants.set(cluster, content);
    else isComplete = false;
  }
  if (!isComplete) onMissing(uid, release.number);
  return variants;
}

/** A change that comes from outside the intent (labels, the selector) still goes through it. */
const raise = (intent: Intent, detail: string, now: number): Intent =>
  steer(
    { ...intent, stages: [stageOf(intent)] },
    { before: intent, now, audit: { actor: HUB_ACTOR, action: "AppReplanned", detail } },
  );
