import { setImmediate as breathe } from "node:timers/promises";

/** Documents written at once: those of one group share their fsync, and others get their turn between two groups. */
const WRITES_MAX = 32;

export async function inGroups<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < items.length && !signal.aborted; from += WRITES_MAX) {
    if (from > 0) await breathe();
    await Promise.all(items.slice(from, from + WRITES_MAX).map(work));
  }
}
