import type { Clock } from "@muster/shared/clock.ts";

/** A time that runs out, counted from when it was made. */
export interface Expiry {
  /** Also by the wall clock, for a machine that was suspended: its timers stood still. */
  isOver(): boolean;
  /** Calls `act` when it runs out, at once if it has. One `act` at most. */
  whenOver(act: () => void): void;
  stop(): void;
}

export function startExpiry(clock: Clock, ms: number): Expiry {
  const stopping = new AbortController();
  const startedAt = clock.now();
  let isOver = false;
  let act = () => {};
  clock.sleep(ms, stopping.signal).then(
    () => {
      isOver = true;
      act();
    },
    () => {},
  );
  return {
    isOver: () => isOver || clock.now() - startedAt >= ms,
    whenOver(call) {
      act = call;
      if (isOver) act();
    },
    stop: () => stopping.abort(),
  };
}
