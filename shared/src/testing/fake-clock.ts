import { type Clock, cancelled, type Instant } from "../clock.ts";

interface Sleeper {
  readonly due: Instant;
  wake(): void;
}

/** A clock that stands still until a test moves it. Sleepers wake in the order they are due. */
export class FakeClock implements Clock {
  #now: Instant;
  readonly #sleepers = new Set<Sleeper>();

  /** Starts at a fixed, recognisable time unless told. */
  constructor(now: Instant = Date.UTC(2026, 2, 3, 12, 0, 0)) {
    this.#now = now;
  }

  now(): Instant {
    return this.#now;
  }

  /** How many `sleep`s are pending: wait for the one you expect before advancing. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  /** How long until the next sleeper is due, or null when nobody sleeps. */
  get nextWakeMs(): number | null {
    const next = this.#next();
    return next ? next.due - this.#now : null;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(cancelled("sleep", signal.reason));
    return new Promise((resolve, reject) => {
      const finish = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", onAbort);
      };
      const sleeper: Sleeper = {
        // A clock tells whole milliseconds, however long somebody sleeps.
        due: this.#now + Math.max(0, Math.round(ms)),
        wake: () => {
          finish();
          resolve();
        },
      };
      const onAbort = () => {
        finish();
        reject(cancelled("sleep", signal?.reason));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  /**
   * Moves time forward, stopping at each sleeper that falls due (also at those that sleepers just woken start) and
   * letting what it woke run before going on.
   */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await settle();
    for (let next = this.#next(); next && next.due <= target; next = this.#next()) {
      this.#now = Math.max(this.#now, next.due);
      next.wake();
      await settle();
    }
    this.#now = Math.max(this.#now, target);
  }

  /** Sets the wall clock (back too) without waking anybody: what a clock that was wrong does when it is mended. */
  set(now: Instant): void {
    this.#now = now;
  }

  #next(): Sleeper | undefined {
    let earliest: Sleeper | undefined;
    for (const sleeper of this.#sleepers) if (!earliest || sleeper.due < earliest.due) earliest = sleeper;
    return earliest;
  }
}

/** Lets every promise that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
