import type { Clock } from "@muster/shared/clock.ts";

/** Waits without taking up one of the places of those that work. */
export type Aside = <T>(wait: () => Promise<T>) => Promise<T>;

/**
 * A queue of keys to look at. A key is in it at most once, so it is bounded by the number of things there are; a key
 * that is added while it is being worked on comes again afterwards; one key is never worked on twice at a time.
 *
 * A key is: idle, later (due at a time), waiting (ready), or busy; busy and again. Work that only waits for somebody
 * else gives its place to another key meanwhile (`aside`).
 */
export class KeyedQueue<K> {
  readonly #clock: Clock;
  readonly #waiting = new Set<K>();
  readonly #busy = new Set<K>();
  readonly #again = new Set<K>();
  readonly #later = new Map<K, { readonly due: number; readonly ms: number }>();
  #wake: (() => void) | null = null;

  constructor(opts: { clock: Clock }) {
    this.#clock = opts.clock;
  }

  /** Ready now, whatever was planned for later. */
  add(key: K): void {
    this.#later.delete(key);
    if (this.#busy.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#wake?.();
  }

  /** Ready after `ms`, unless it is sooner anyway. */
  addAfter(key: K, ms: number): void {
    if (this.#waiting.has(key) || this.#again.has(key)) return;
    const due = this.#clock.now() + ms;
    const known = this.#later.get(key);
    if (known !== undefined && known.due <= due) return;
    this.#later.set(key, { due, ms });
    this.#wake?.();
  }

  remove(key: K): void {
    this.#later.delete(key);
    this.#waiting.delete(key);
    this.#again.delete(key);
  }

  /** Nothing waits and nothing is being worked on; what is due later does not count. */
  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.#busy.size === 0;
  }

  /** Works until `signal` aborts, at most `concurrency` keys at once, then waits for what is under way. */
  async run(
    work: (key: K, aside: Aside) => Promise<void>,
    opts: { concurrency: number; signal: AbortSignal },
  ): Promise<void> {
    const { signal, concurrency } = opts;
    const running = new Set<Promise<void>>();
    let freePlaces = concurrency;
    /** Those that waited and want to go on: they come before keys that have not begun. */
    const returning: (() => void)[] = [];
    const leavePlace = (): void => {
      const next = returning.shift();
      if (next) next();
      else freePlaces += 1;
      this.#wake?.();
    };
    const aside: Aside = async (wait) => {
      leavePlace();
      try {
        return await wait();
      } finally {
        if (freePlaces > 0) freePlaces -= 1;
        else await new Promise<void>((resolve) => returning.push(resolve));
      }
    };
    while (!signal.aborted) {
      this.#promote();
      for (const key of this.#waiting) {
        if (freePlaces <= 0) break;
        freePlaces -= 1;
        this.#waiting.delete(key);
        this.#busy.add(key);
        const job = work(key, aside).finally(() => {
          running.delete(job);
          this.#busy.delete(key);
          if (this.#again.delete(key)) this.#waiting.add(key);
          leavePlace();
        });
        running.add(job);
      }
      await this.#change(signal);
    }
    await Promise.allSettled(running);
    // The next run starts from what is then known, not from what this one left over.
    for (const set of [this.#waiting, this.#again, this.#busy]) set.clear();
    this.#later.clear();
  }

  #promote(): void {
    const now = this.#clock.now();
    for (const [key, { due, ms }] of this.#later) {
      if (due > now) {
        // The clock was set back: nobody waits longer than was asked for, whatever the clock said then.
        if (due - now > ms) this.#later.set(key, { due: now + ms, ms });
        continue;
      }
      this.#later.delete(key);
      if (this.#busy.has(key)) this.#again.add(key);
      else this.#waiting.add(key);
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    let due = Number.POSITIVE_INFINITY;
    for (const later of this.#later.values()) due = Math.min(due, later.due);
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true, signal: timer.signal });
      if (signal.aborted) resolve();
    });
    const elapsed =
      due === Number.POSITIVE_INFINITY
        ? woken
        : this.#clock.sleep(Math.max(0, due - this.#clock.now()), timer.signal).catch(() => {});
    await Promise.race([woken, elapsed]);
    this.#wake = null;
    timer.abort();
  }
}
