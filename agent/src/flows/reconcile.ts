import { cancelled } from "@muster/shared/clock.ts";
import { assertNever, isAppError } from "@muster/shared/errors.ts";
import type { AppUid } from "@muster/shared/model/ids.ts";
import type { Mark } from "@muster/shared/model/mark.ts";
import { groupOf, objectKey } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { ObjectStatus, Report } from "@muster/shared/model/report.ts";
import { problemOf } from "../core/problem-of.ts";
import { summarize } from "../core/summarize.ts";
import type { AgentState } from "../ports/agent-state.ts";
import type { ResourceKind } from "../ports/cluster-api.ts";
import { type AppBook, type AppEntry, digestOf, idsOf } from "./app-book.ts";
import { Claims } from "./claim-objects.ts";
import { isClean } from "./gather-live.ts";
import { type Aside, KeyedQueue } from "./keyed-queue.ts";
import { removeApp } from "./remove-app.ts";
import { RetryLater, type RunDeps, runApp } from "./run-app.ts";
import type { LiveSummary } from "./watch-drift.ts";

export interface ReconcileDeps
  extends Omit<RunDeps, "persist" | "noteKinds" | "changed" | "aside" | "claims" | "successorOf"> {
  readonly book: AppBook;
  readonly state: AgentState;
  readonly changed: (uid: AppUid, urgency: "verdict" | "progress") => void;
  /** A tombstone was carried out and the record is gone: this is the last report. */
  readonly removed: (report: Report) => void;
  /** Another agent wrote the state: this one must stop acting and look again. */
  readonly fenced: (error: unknown) => void;
}

export interface Reconciler {
  /** Something is to be done, or may be. */
  wake(uid: AppUid): void;
  /** The watch saw an object change, or go. */
  heard(change: { ownerHash: string; key: string; live: LiveSummary | null }): void;
  /** How an App is now. */
  report(entry: AppEntry): Report;
  run(signal: AbortSignal): Promise<void>;
  readonly isIdle: boolean;
}

/** Apps that are worked on at once; each of them one attempt after another. */
const appsAtOnce = 8;
const retryMs = { initial: 500, max: 60_000 } as const;
const sweepEveryMs = 60_000;

/** One queue of Apps. Level-triggered: an attempt looks at everything anew, events only say that it is time. */
export function createReconciler(deps: ReconcileDeps): Reconciler {
  const { book, state, clock, log } = deps;
  const queue = new KeyedQueue<AppUid>({ clock });
  const kinds = new Map<string, ResourceKind>();
  let keptBundles = "";
  let lost: AbortSignal | null = null;

  const changed = (entry: AppEntry, urgency: "verdict" | "progress") => deps.changed(entry.uid, urgency);
  const persist = async (entry: AppEntry): Promise<void> => {
    const { record } = entry;
    if (entry.stored === record) return;
    if (lost?.aborted) throw cancelled("writing the agent's state", lost.reason);
    await written(state.put(record));
    entry.stored = record;
  };
  /** Nobody but the holder of the Lease writes the state: a conflict means that it is held by another by now. */
  const written = async (write: Promise<void>): Promise<void> => {
    try {
      await write;
    } catch (error) {
      if (isAppError(error, "conflict")) deps.fenced(error);
      throw error;
    }
  };
  const noteKinds: RunDeps["noteKinds"] = (more) => {
    let isNew = false;
    for (const kind of more) {
      const key = `${groupOf(kind.apiVersion)}/${kind.kind}`;
      // The newest is the one that is sure to be served: an API version that was watched so far may end.
      if (kinds.get(key)?.apiVersion !== kind.apiVersion) isNew = true;
      kinds.set(key, kind);
    }
    if (isNew) deps.watch.watchKinds([...kinds.values()]);
  };
  const successorOf = (entry: AppEntry) => book.successorOf(entry);
  const runDeps: Omit<RunDeps, "aside"> = { ...deps, claims: new Claims(), persist, noteKinds, changed, successorOf };

  const attempt = async (entry: AppEntry, lost: AbortSignal, aside: Aside): Promise<number | null> => {
    const { content } = entry.assignment;
    const isInherited = book.isInherited(entry);
    // The heir's record names the objects before the former one's forgets them: none is ever in neither.
    if (isInherited && book.byOwner(entry.owner.hash)?.stored == null) throw new RetryLater();
    switch (content.kind) {
      case "run": {
        if (isInherited) {
          if (entry.record.inventory.length > 0) entry.record = { ...entry.record, inventory: [] };
          await persist(entry);
          return null;
        }
        if (isSettled(entry)) return null;
        const recheckAt = await runApp({ ...runDeps, aside, log: log.child(idsOf(entry)) }, entry, content, lost);
        for (const other of book.predecessorsOf(entry)) tellPredecessor(other, entry);
        return recheckAt;
      }
      case "remove": {
        await removeApp({ ...runDeps, log: log.child(idsOf(entry)) }, entry, content, { isInherited, lost });
        // Placed again meanwhile: there is an assignment to carry out, and the record must stay.
        if (entry.assignment.content === content) await finish(entry);
        return null;
      }
      default:
        return assertNever(content);
    }
  };

  /** It may have waited, and it does not hear from the watch of what was taken: that was learned by taking it. */
  const tellPredecessor = (other: AppEntry, entry: AppEntry): void => {
    const taken = [...entry.objects.keys()].filter((key) => other.objects.get(key)?.problem === null);
    for (const key of taken) other.dirty.add(key);
    if (taken.length > 0 || other.done !== other.assignment) queue.add(other.uid);
  };

  /** What was heard of since the last look: is any of it drift? Health is taken in on the way. */
  const isSettled = (entry: AppEntry): boolean => {
    const dirty = [...entry.dirty];
    entry.dirty.clear();
    if (entry.done !== entry.assignment || entry.phase !== "Applied") return false;
    let settled = true;
    let urgency: "verdict" | "progress" = "progress";
    for (const key of dirty) {
      const object = entry.objects.get(key);
      if (object === undefined) {
        if (isRetained(entry, key)) settled = false;
        continue;
      }
      const live = deps.watch.find(key);
      if (live === undefined || live.ownerHash !== entry.owner.hash || !isClean(live, object)) settled = false;
      else {
        if (object.health.state !== live.health.state) urgency = "verdict";
        object.health = live.health;
      }
    }
    if (settled && dirty.length > 0) changed(entry, urgency);
    return settled;
  };

  const finish = async (entry: AppEntry): Promise<void> => {
    const mark: Mark = entry.record.mark;
    await written(state.remove(entry.uid, mark));
    if (entry.record.mark !== mark) {
      // Placed again while its record was being forgotten: it is written anew.
      entry.stored = null;
      queue.add(entry.uid);
      return;
    }
    entry.phase = "Removed";
    const report = reportOf(entry);
    book.drop(entry, mark);
    queue.remove(entry.uid);
    deps.removed(report);
    log.info(idsOf(entry), "App removed");
  };

  const work = async (uid: AppUid, lost: AbortSignal, aside: Aside): Promise<void> => {
    const entry = book.get(uid);
    if (entry === undefined || lost.aborted) return;
    const { assignment } = entry;
    try {
      const recheckAt = await attempt(entry, lost, aside);
      entry.failures = 0;
      if (recheckAt !== null) queue.addAfter(uid, Math.max(0, recheckAt - clock.now()));
      const soon = Math.min(
        ...[...entry.objects.values()].map(({ health }) => health.recheckInMs ?? Number.POSITIVE_INFINITY),
      );
      if (Number.isFinite(soon)) recheckHealth(entry, soon);
    } catch (error) {
      if (lost.aborted) return;
      if (entry.assignment !== assignment) {
        queue.add(uid);
        return;
      }
      const bound = Math.min(retryMs.max, retryMs.initial * 2 ** Math.min(entry.failures, 16));
      const waitMs = Math.ceil(bound * (0.5 + deps.random() / 2));
      entry.failures += 1;
      if (!(error instanceof RetryLater)) {
        entry.problems = [bundleProblem(error) ?? problemOf(error)];
        entry.phase = "Failed";
        changed(entry, "verdict");
        log.warn({ ...idsOf(entry), retryInMs: waitMs, err: error }, "attempt failed; tried again later");
      }
      queue.addAfter(uid, waitMs);
    }
  };

  /** Some verdicts change by time alone: looks at those objects again when it has come. */
  const recheckHealth = (entry: AppEntry, inMs: number): void => {
    for (const state of entry.objects.values()) if (state.health.recheckInMs !== undefined) state.clean = null;
    for (const [key, state] of entry.objects) if (state.health.recheckInMs !== undefined) entry.dirty.add(key);
    queue.addAfter(entry.uid, inMs);
  };

  const reportOf = (entry: AppEntry): Report => {
    const { assignment } = entry;
    const objects: ObjectStatus[] = [...entry.objects.values()].map(({ ref, sync, health, problem }) => ({
      ref,
      sync,
      health: health.state,
      message: problem?.message ?? health.message,
    }));
    for (const { ref, awaitsConsent, reason } of entry.retained) {
      objects.push({
        ref,
        sync: awaitsConsent ? "OutOfSync" : "Synced",
        health: "Healthy",
        message: `kept: ${reason}`,
      });
    }
    const problems: Problem[] = [...entry.problems];
    for (const { problem } of entry.objects.values()) if (problem) problems.push(problem);
    return summarize({
      app: assignment.app,
      epoch: assignment.epoch,
      generation: assignment.generation,
      digest: digestOf(assignment),
      phase: entry.phase,
      objects,
      drift: entry.drift,
      problems,
      pruned: entry.pruned,
      now: clock.now(),
    });
  };

  /** Forgets stored bundles that no App needs any more. */
  const sweep = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(sweepEveryMs, signal).catch(() => {});
      if (signal.aborted) return;
      const digests = book.bundlesInUse();
      const key = [...digests].sort().join();
      if (key === keptBundles) continue;
      try {
        deps.bundles.keep(digests);
        await state.keepBundles(digests);
        keptBundles = key;
      } catch (error) {
        log.debug({ err: error }, "stored bundles not swept");
      }
    }
  };

  return {
    wake: (uid) => queue.add(uid),
    heard({ ownerHash, key, live }) {
      const entry = book.byOwner(ownerHash);
      if (entry === undefined) return;
      const object = entry.objects.get(key);
      if (object === undefined) {
        // What left the bundle and stayed: somebody consented to its deletion, or did it.
        if (!isRetained(entry, key) || (live !== null && live.prune !== "true")) return;
        entry.dirty.add(key);
        queue.add(entry.uid);
        return;
      }
      if (live !== null && isClean(live, object)) {
        const before = object.health;
        object.health = live.health;
        if (before.state !== live.health.state) changed(entry, "verdict");
        else if (before.message !== live.health.message) changed(entry, "progress");
        return;
      }
      entry.dirty.add(key);
      // What the API server refuses is tried again at its time, however often the object changes meanwhile.
      if (object.problem === null || live === null) queue.add(entry.uid);
    },
    report: reportOf,
    async run(signal) {
      lost = signal;
      for (const entry of book.all()) queue.add(entry.uid);
      await Promise.all([
        queue.run((uid, aside) => work(uid, signal, aside), { concurrency: appsAtOnce, signal }),
        sweep(signal),
      ]);
      await deps.watch.stop();
    },
    get isIdle() {
      return queue.isIdle;
    },
  };
}

const isRetained = (entry: AppEntry, key: string): boolean => entry.retained.some(({ ref }) => objectKey(ref) === key);

/** What is wrong with a bundle is told as such, and not as something the API server said. */
function bundleProblem(error: unknown): Problem | null {
  if (isAppError(error, "corrupt")) {
    return {
      code: "DigestMismatch",
      message: `The bundle that arrived is not the one that was assigned: ${error.message}.`,
      where: {},
      fix: "It is fetched again. If this stays, the hub's store or something on the way damages it.",
    };
  }
  if (isAppError(error, "too-large")) return { code: "BundleTooLarge", message: error.message, where: {} };
  return null;
}
