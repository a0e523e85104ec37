import { cancelled } from "./clock.ts";
import { formatDuration } from "./duration.ts";
import { AppError } from "./errors.ts";

/**
 * A signal that aborts after `ms` (with a "TimeoutError" as its reason) or together with `signal`, whichever is first.
 * Its timer keeps no process alive. Turn what it aborted into an error with `abortedBy`.
 */
export function withDeadline(ms: number, signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

/** Whether an aborted signal ran out of time, rather than being told to stop. */
export const isTimeout = (signal: AbortSignal): boolean =>
  signal.aborted && signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";

/**
 * The error of work that `signal` stopped: AppError "unavailable" when its time ran out, "cancelled" otherwise.
 * `what` begins the sentence: `fetch of fleet`.
 */
export function abortedBy(signal: AbortSignal, what: string, opts: { timeoutMs?: number } = {}): AppError {
  if (!isTimeout(signal)) return cancelled(what, signal.reason);
  const time = opts.timeoutMs === undefined ? "the time allowed" : formatDuration(opts.timeoutMs);
  return new AppError("unavailable", `${what} took longer than ${time}`, { cause: signal.reason });
}
