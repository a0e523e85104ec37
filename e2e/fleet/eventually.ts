import { setTimeout as delay } from "node:timers/promises";

export interface EventuallyOptions {
  /** Default 30 s: tests share machines with compilers. */
  readonly deadlineMs?: number;
  readonly everyMs?: number;
}

/**
 * Tries an assertion until it holds, and answers what it answered. @throws its last failure when the deadline passes,
 * with how long was waited.
 */
export async function eventually<T>(assertion: () => Promise<T> | T, options: EventuallyOptions = {}): Promise<T> {
  const { deadlineMs = 30_000, everyMs = 25 } = options;
  const began = performance.now();
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() - began > deadlineMs) throw withWait(error, deadlineMs);
      await delay(everyMs);
    }
  }
}

/** Asserts again and again for a while: what must not happen does not happen in it. */
export async function throughout(ms: number, assertion: () => Promise<unknown> | unknown): Promise<void> {
  const end = performance.now() + ms;
  do {
    await assertion();
    await delay(50);
  } while (performance.now() < end);
}

function withWait(error: unknown, deadlineMs: number): unknown {
  if (error instanceof Error) error.message = `after ${deadlineMs / 1000} s still: ${error.message}`;
  return error;
}

/** Milliseconds that `action` takes, and what it answers. */
export async function timed<T>(action: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const began = performance.now();
  const value = await action();
  return { ms: performance.now() - began, value };
}

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
