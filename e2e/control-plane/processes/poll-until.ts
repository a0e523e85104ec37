import { setTimeout as delay } from "node:timers/promises";

/**
 * Asks again until the answer is neither undefined nor false. An attempt that throws counts as "not yet".
 *
 * @throws when the deadline passes, naming what was waited for and the last error seen.
 */
export async function pollUntil<T>(
  what: string,
  attempt: (signal: AbortSignal) => Promise<T | undefined | false>,
  options: { deadlineMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? 60_000;
  const end = AbortSignal.timeout(deadlineMs);
  let lastError: unknown;
  while (!end.aborted) {
    try {
      const answer = await attempt(end);
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      if (error instanceof GiveUp) throw error;
      lastError = error;
    }
    await delay(options.everyMs ?? 50);
  }
  throw new Error(`waited ${deadlineMs / 1000} s in vain for ${what}`, { cause: lastError });
}

/** Thrown by an attempt that knows that waiting is pointless. */
export class GiveUp extends Error {}
