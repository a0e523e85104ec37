import { cancelled } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";

export interface FairSlotsOptions {
  /** Taken at the same time, whoever asks. */
  readonly slotsMax: number;
  /** Beyond those, only for a key that holds none: so that one which fills all the others keeps nobody waiting. */
  readonly spareMax: number;
  /** Waiting in all; one more is refused. */
  readonly waitingMax: number;
}

interface Waiter {
  readonly key: string;
  readonly start: () => void;
}

/**
 * A bounded number of slots, shared fairly between keys.
 *
 * Keys take turns, each first come first served. A key with a strike (what it ran had to be killed) is held to one slot
 * until something of it ends well again: who fills every slot with endless loops does so once.
 */
export class FairSlots {
  readonly #options: FairSlotsOptions;
  /** In the order of their turns. */
  readonly #waiting = new Map<string, Set<Waiter>>();
  readonly #held = new Map<string, number>();
  readonly #strikes = new Set<string>();
  #heldTotal = 0;
  #waitingTotal = 0;
  #isClosed = false;

  constructor(options: FairSlotsOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` in a slot. `isStrike` judges what came of it.
   * @throws AppError "unavailable" (too many wait), "cancelled" (by `signal`, or closed); what `work` throws.
   */
  async use<T>(key: string, signal: AbortSignal, work: () => Promise<T>, isStrike: (result: T) => boolean): Promise<T> {
    await this.#take(key, signal);
    try {
      const result = await work();
      if (isStrike(result)) this.#strike(key);
      else this.#strikes.delete(key);
      return result;
    } finally {
      this.#release(key);
    }
  }

  /** What waits is cancelled; what runs is its owner's to stop. */
  close(): void {
    this.#isClosed = true;
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.start();
  }

  #take(key: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(cancelled("waiting to render", signal.reason));
    if (this.#isClosed) return Promise.reject(cancelled("rendering: it is being closed"));
    if (this.#waitingTotal >= this.#options.waitingMax) {
      return Promise.reject(new AppError("unavailable", `a render was refused: ${this.#waitingTotal} others wait`));
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener("abort", onAbort);
        this.#dequeue(waiter);
      };
      const waiter: Waiter = {
        key,
        start: () => {
          leave();
          if (this.#isClosed) return reject(cancelled("rendering: it is being closed"));
          this.#heldTotal += 1;
          this.#held.set(key, this.#heldBy(key) + 1);
          resolve();
        },
      };
      const onAbort = () => {
        leave();
        reject(cancelled("waiting to render", signal.reason));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const waiters = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiters.add(waiter));
      this.#waitingTotal += 1;
      this.#dispatch();
    });
  }

  #release(key: string): void {
    this.#heldTotal -= 1;
    const held = this.#heldBy(key) - 1;
    if (held > 0) this.#held.set(key, held);
    else this.#held.delete(key);
    this.#dispatch();
  }

  #dispatch(): void {
    for (let key = this.#nextKey(); key !== null; key = this.#nextKey()) {
      const waiters = this.#waiting.get(key);
      const [first] = waiters ?? [];
      if (waiters === undefined || first === undefined) return;
      // Its next turn comes after everybody else's.
      this.#waiting.delete(key);
      this.#waiting.set(key, waiters);
      first.start();
    }
  }

  #nextKey(): string | null {
    if (this.#isClosed) return null;
    const { slotsMax, spareMax } = this.#options;
    for (const key of this.#waiting.keys()) {
      const held = this.#heldBy(key);
      if (held === 0 && this.#heldTotal < slotsMax + spareMax) return key;
      if (this.#heldTotal < slotsMax && !this.#strikes.has(key)) return key;
    }
    return null;
  }

  #heldBy(key: string): number {
    return this.#held.get(key) ?? 0;
  }

  #strike(key: string): void {
    this.#strikes.delete(key);
    this.#strikes.add(key);
    const [oldest] = this.#strikes;
    if (this.#strikes.size > STRIKES_MAX && oldest !== undefined) this.#strikes.delete(oldest);
  }

  #dequeue(waiter: Waiter): void {
    const waiters = this.#waiting.get(waiter.key);
    if (waiters === undefined || !waiters.delete(waiter)) return;
    this.#waitingTotal -= 1;
    if (waiters.size === 0) this.#waiting.delete(waiter.key);
  }
}

const STRIKES_MAX = 10_000;
