import { AppError } from "./errors.ts";

/** Time as a value. `Date.now()` and timers live in the system clock and in adapters only. */

/** Milliseconds since the Unix epoch, UTC. */
export type Instant = number;

export interface Clock {
  now(): Instant;
  /** Resolves after `ms`; rejects with `AppError` "cancelled" when `signal` aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The failure of a wait that was told to stop. `what` begins the sentence. */
export const cancelled = (what: string, cause?: unknown): AppError =>
  new AppError("cancelled", `${what} was cancelled`, cause === undefined ? {} : { cause });
