import type { Clock } from "@muster/shared/clock.ts";

/** Long enough for a bundle to be stored and for the Release that names it to be written. */
const HELD_MS = 5 * 60_000;

/** Blobs that are being released: the sweep leaves them alone. */
export interface HeldBundles {
  /** For a while, or until `stop` aborts. Held again, it is held longer. */
  hold(name: string, stop: AbortSignal | null): void;
  isHeld(name: string): boolean;
}

export function createHeldBundles(clock: Clock): HeldBundles {
  const held = new Map<string, number>();
  const count = (name: string, by: number): void => {
    const next = (held.get(name) ?? 0) + by;
    if (next > 0) held.set(name, next);
    else held.delete(name);
  };
  const never = new AbortController().signal;
  return {
    hold(name, stop) {
      count(name, 1);
      clock.sleep(HELD_MS, stop ?? never).then(
        () => count(name, -1),
        () => count(name, -1),
      );
    },
    isHeld: (name) => held.has(name),
  };
}
