import { backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import type { ClusterLease, HeldLease } from "../ports/agent-state.ts";

/**
 * Stand-by until the Lease is ours; acting until it is lost; stand-by again, for ever.
 *
 * `act` gets a signal that aborts when the Lease is lost or the agent stops, and must have ended everything that writes
 * when it returns: only then is the Lease given back or sought anew. If it returns or throws by itself, the Lease is
 * released, so that another agent, or this one with a fresh look at the state, can go on.
 */
export async function holdLease(deps: {
  readonly lease: ClusterLease;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly act: (acting: Pick<HeldLease, "fence" | "isHeld"> & { readonly signal: AbortSignal }) => Promise<void>;
}): Promise<void> {
  const { lease, clock, log, signal } = deps;
  const wait = backoff({ initialMs: 1_000, maxMs: 30_000, random: deps.random });
  while (!signal.aborted) {
    try {
      const { fence, lost, isHeld } = await lease.acquire({ signal });
      log.info({ fence }, "acting: holds the Lease of this cluster");
      const startedAt = clock.now();
      try {
        await deps.act({ fence, isHeld, signal: AbortSignal.any([lost, signal]) });
      } finally {
        if (lost.aborted) log.warn({ fence }, "Lease lost: every write was stopped");
        else await lease.release();
      }
      if (clock.now() - startedAt > 60_000) wait.reset();
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ err: error }, "cannot act; tries again");
    }
    if (!signal.aborted) await clock.sleep(wait.next(), signal).catch(() => {});
  }
}
