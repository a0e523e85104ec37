import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { Leases } from "../ports/store.ts";

const LEASE = "leader";
const TTL_MS = 15_000;
const RENEW_MS = 5_000;

export interface Leadership {
  readonly term: number;
  /** Aborts, with an AppError that says why, when the lease was lost or could not be renewed before another may take it. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Waits until this hub leads, then keeps renewing. The term goes into what the leader writes; the fence itself is the
 * version of each document, so a leader that lost its lease without noticing can only fail.
 */
export async function takeLeadership(deps: {
  leases: Leases;
  /** The same after a restart for an embedded store, so that a hub that was killed leads again at once. */
  holder: string;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<Leadership> {
  const { leases, holder, clock, log, signal } = deps;
  let granted = await leases.acquire(LEASE, { holder, ttlMs: TTL_MS });
  while (granted === null) {
    log.info({ lease: LEASE }, "another hub leads; waiting");
    await clock.sleep(RENEW_MS, signal);
    granted = await leases.acquire(LEASE, { holder, ttlMs: TTL_MS });
  }
  const { term } = granted;
  const lost = new AbortController();
  const stop = new AbortController();
  let heldUntil = clock.now() + TTL_MS;

  const renew = async (): Promise<void> => {
    let failure: unknown;
    while (!stop.signal.aborted) {
      await clock.sleep(RENEW_MS, stop.signal);
      const asked = clock.now();
      const isHeld = await leases.renew(LEASE, { holder, term, ttlMs: TTL_MS }).catch((error: unknown) => {
        log.warn({ err: error, term }, "lease not renewed");
        failure = error;
        return null;
      });
      if (isHeld) heldUntil = asked + TTL_MS;
      if (isHeld === false) return lost.abort(new AppError("conflict", "another hub leads; this one stops"));
      if (clock.now() + RENEW_MS >= heldUntil) {
        const message = "the store did not renew this hub's lead in time; it stops before another hub may lead";
        return lost.abort(new AppError("unavailable", message, { cause: failure }));
      }
    }
  };
  renew().catch(() => {});
  log.info({ term }, "this hub leads");
  return {
    term,
    lost: lost.signal,
    async release() {
      stop.abort();
      await leases.release(LEASE, { holder, term }).catch(() => {});
    },
  };
}
