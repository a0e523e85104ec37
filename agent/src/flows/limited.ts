import { cancelled } from "@muster/shared/clock.ts";

/**
 * Runs `work` over the items, at most `limit` at once. What throws ends it: no further item is begun, and it rejects
 * with the first error once everything under way has ended.
 */
export async function forEachLimited<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | null = null;
  const worker = async (): Promise<void> => {
    while (next < items.length && failure === null) {
      const item = items[next++] as T;
      try {
        await work(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failure !== null) throw (failure as { error: unknown }).error;
}

/** Runs work given to it at most `placesMax` at once, in the order it came; a wait for a place ends with `signal`. */
export type Limit = <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;

export function createLimit(placesMax: number): Limit {
  let free = placesMax;
  const waiting = new Set<() => void>();
  return async (work, signal) => {
    if (free > 0) free -= 1;
    else {
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => {
          waiting.delete(begin);
          reject(cancelled("waiting for a place", signal.reason));
        };
        const begin = () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        };
        signal.addEventListener("abort", onAbort, { once: true });
        if (signal.aborted) onAbort();
        else waiting.add(begin);
      });
    }
    try {
      return await work();
    } finally {
      const [next] = waiting;
      if (next === undefined) free += 1;
      else {
        waiting.delete(next);
        next();
      }
    }
  };
}
