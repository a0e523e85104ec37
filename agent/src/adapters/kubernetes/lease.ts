import { strict as assert } from "node:assert";
import { type Clock, cancelled } from "@muster/shared/clock.ts";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { ClusterLease } from "../../ports/agent-state.ts";
import type { ClusterApi, LiveObject } from "../../ports/cluster-api.ts";
import { type Expiry, startExpiry } from "./expiry.ts";
import { fenceOf, heldBy, leaseObject, released, specOf } from "./lease-record.ts";
import { WRITE_TIMEOUT_MS } from "./write-timeout.ts";

export interface ClusterLeaseOptions {
  readonly api: ClusterApi;
  readonly clock: Clock;
  /** `[0, 1)`, for jitter. */
  readonly random: () => number;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /**
   * Who asks. Nobody else alive may have the same: a holder that comes back under its own identity takes over at once.
   * In a cluster that is the pod's name and uid, of which only one container runs at a time.
   */
  readonly identity: string;
  /** How long a silent holder keeps it, in whole seconds; default 30 s. */
  readonly durationMs?: number;
  /** Without a renewal for so long the holder gives up; default 15 s. */
  readonly renewDeadlineMs?: number;
  /** Between renewals, and between the looks of those who wait; default 4 s. */
  readonly retryMs?: number;
  /** The longest that a write sent before `lost` can still take effect; default what the API client allows. */
  readonly writeTimeoutMs?: number;
}

/**
 * The one acting agent of a cluster, by a `coordination.k8s.io/v1` Lease.
 *
 * Waiting: look every `retryMs`; take it when it is free, ours already, or did not change while *we waited* for its
 * whole duration. Times that others wrote are never compared with our clock, so clocks may differ.
 * Holding: renew every `retryMs`. A renewal counts from before it was sent. When the last one is `renewDeadlineMs` ago,
 * or somebody else holds it, `lost` aborts; what was sent before then has ended when another can take it, because
 * `renewDeadlineMs + writeTimeoutMs <= durationMs`.
 * Released: the holder empties the Lease, so that the next one need not wait.
 */
export function createClusterLease(options: ClusterLeaseOptions): ClusterLease {
  const { api, clock, random, log, namespace, name, identity } = options;
  const { durationMs = 30_000, renewDeadlineMs = 15_000, retryMs = 4_000, writeTimeoutMs = WRITE_TIMEOUT_MS } = options;
  assert(durationMs > 0 && durationMs % 1_000 === 0, "a Lease's duration is stored in whole seconds");
  assert(renewDeadlineMs + writeTimeoutMs <= durationMs, "a write could end after another has taken the Lease");
  assert(retryMs * 2 <= renewDeadlineMs, "one failed renewal must not lose the Lease");

  const ref = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace, name };
  const holding = () => ({ identity, durationMs, now: clock.now() });
  const pause = () => Math.round(retryMs * (0.75 + random() / 2));
  let held: Held | undefined;

  /** The Lease as it is ours now, or null while somebody else has it. */
  const tryTake = async (current: LiveObject | null, isSilent: boolean): Promise<LiveObject | null> => {
    try {
      if (!current) return await api.create(leaseObject(ref, holding()));
      const { holderIdentity } = specOf(current);
      if (holderIdentity && holderIdentity !== identity && !isSilent) return null;
      return await api.replace(heldBy(current, holding(), { isNewHolder: true }));
    } catch (error) {
      // Somebody was faster: the next look says who.
      if (isAppError(error, "conflict") || isAppError(error, "not-found")) return null;
      throw error;
    }
  };

  const waitForTurn = async (signal: AbortSignal): Promise<{ object: LiveObject; expiry: Expiry }> => {
    let seen = { version: "", forMs: 0 };
    for (;;) {
      if (signal.aborted) throw cancelled("waiting for the Lease", signal.reason);
      const expiry = startExpiry(clock, renewDeadlineMs);
      try {
        const current = await api.get(ref);
        const version = current?.metadata.resourceVersion ?? "";
        if (seen.version !== version) seen = { version, forMs: 0 };
        const termMs = (current ? (specOf(current).leaseDurationSeconds ?? durationMs / 1_000) : 0) * 1_000;
        const object = await tryTake(current, seen.forMs >= termMs);
        // An answer that took too long says nothing about now; taken again, it is ours at once.
        if (object && !expiry.isOver()) return { object, expiry };
      } catch (error) {
        expiry.stop();
        if (!isAppError(error, "unavailable") && !isAppError(error, "unauthenticated")) throw error;
        log.warn({ lease: name, reason: messageOf(error) }, "the Lease cannot be read or taken");
      }
      expiry.stop();
      const pauseMs = pause();
      await clock.sleep(pauseMs, signal);
      // The sleep itself is the measure: it runs on the monotonic clock, whatever happens to the wall clock.
      seen = { ...seen, forMs: seen.forMs + pauseMs };
    }
  };

  const renewOnce = async (object: LiveObject): Promise<LiveObject | "taken"> => {
    try {
      return await api.replace(heldBy(object, holding(), { isNewHolder: false }));
    } catch (error) {
      if (!isAppError(error, "conflict") && !isAppError(error, "not-found")) throw error;
      const current = await api.get(ref);
      // Somebody put a label on it, or our own renewal was stored although its answer got lost.
      const isOurs = current && specOf(current).holderIdentity === identity && fenceOf(current) === fenceOf(object);
      return isOurs ? current : "taken";
    }
  };

  /** Renews until the Lease is lost or released. Never throws: `lost` says it. */
  const keep = async (mine: Held, first: Expiry): Promise<void> => {
    const { lost } = mine;
    const lose = (why: string) => lost.abort(new AppError("conflict", `the Lease was lost: ${why}`));
    const arm = (expiry: Expiry) => expiry.whenOver(() => lose("it could not be renewed in time"));
    let expiry = first;
    arm(expiry);
    mine.isHeld = () => {
      if (expiry.isOver() && !lost.signal.aborted) lose("it ran out while this process stood still");
      return !lost.signal.aborted;
    };
    while (!lost.signal.aborted) {
      await clock.sleep(pause(), lost.signal).catch(() => {});
      if (lost.signal.aborted) break;
      const next = startExpiry(clock, renewDeadlineMs);
      try {
        const renewed = await renewOnce(mine.object);
        if (renewed !== "taken") mine.object = renewed;
        if (renewed === "taken") lose("another agent holds it");
        else if (expiry.isOver()) lose("it was renewed too late");
        expiry.stop();
        expiry = next;
        arm(expiry);
      } catch (error) {
        next.stop();
        log.warn({ lease: name, reason: messageOf(error) }, "the Lease was not renewed");
      }
    }
    expiry.stop();
  };

  return {
    async acquire({ signal }) {
      assert(held === undefined || held.lost.signal.aborted, "the Lease is held already");
      await held?.keeping;
      const { object, expiry } = await waitForTurn(signal);
      const mine: Held = { object, lost: new AbortController(), isHeld: () => true, keeping: Promise.resolve() };
      mine.keeping = keep(mine, expiry);
      held = mine;
      const fence = fenceOf(object);
      log.info({ lease: name, identity, fence }, "Lease taken");
      return { fence, lost: mine.lost.signal, isHeld: () => mine.isHeld() };
    },

    async release() {
      const mine = held;
      held = undefined;
      if (!mine) return;
      const wasOurs = !mine.lost.signal.aborted;
      // Acting ends first, then the Lease is let go.
      mine.lost.abort(new AppError("cancelled", "the Lease was released"));
      await mine.keeping;
      if (!wasOurs) return;
      try {
        await api.replace(released(mine.object, clock.now()));
      } catch (error) {
        // It runs out by itself.
        log.debug({ lease: name, reason: messageOf(error) }, "the Lease was not released");
      }
    },
  };
}

interface Held {
  object: LiveObject;
  readonly lost: AbortController;
  isHeld: () => boolean;
  keeping: Promise<void>;
}
