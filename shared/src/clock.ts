/** Time as a value. `Date.now()` and timers live in the system clock and in adapters only. */

/** Milliseconds since the Unix epoch, UTC. */
export type Instant = number;

export interface Clock {
  now(): Instant;
  /** Resolves after `ms`; rejects with `AppError` "cancelled" when `signal` aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
