export interface BackoffOptions {
  /** Upper bound of the first delay. */
  readonly initialMs: number;
  /** Upper bound of every delay. */
  readonly maxMs: number;
  /** Growth of the bound from one attempt to the next; 2 unless told. */
  readonly factor?: number;
  /** `[0, 1)`, as `Math.random`. */
  readonly random: () => number;
}

export interface Backoff {
  /** Milliseconds to wait before the next attempt. Never gives up: giving up is a verdict of somebody else. */
  next(): number;
  /** Call after a success: the next failure starts small again. */
  reset(): void;
  /** Calls of `next` since the start or the last reset. */
  readonly attempts: number;
}

/**
 * Capped exponential delays with full jitter: each is drawn evenly from zero to a bound that grows, so that a thousand
 * agents which lost one hub do not come back in one instant.
 */
export function backoff({ initialMs, maxMs, factor = 2, random }: BackoffOptions): Backoff {
  let attempts = 0;
  return {
    next() {
      // The exponent is capped too: factor ** 2000 is Infinity, which is harmless, but 0 * Infinity is NaN.
      const bound = Math.min(maxMs, initialMs * factor ** Math.min(attempts, 64));
      attempts += 1;
      return Math.floor(random() * bound);
    },
    reset() {
      attempts = 0;
    },
    get attempts() {
      return attempts;
    },
  };
}
