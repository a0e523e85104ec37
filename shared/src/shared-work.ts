import { abortedBy } from "./deadline.ts";

/**
 * Work that several want at the same time is done once. Whoever is told to stop stops waiting; the work itself stops
 * when nobody waits for it any more.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, { promise: Promise<T>; stop: AbortController; waiters: number }>();

  /** @throws what `work` throws, and AppError "cancelled" or "unavailable" by `signal`. `what` begins the sentence. */
  async run(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    opts: { what: string; signal: AbortSignal },
  ): Promise<T> {
    const { what, signal } = opts;
    if (signal.aborted) throw abortedBy(signal, what);
    let shared = this.#running.get(key);
    if (shared === undefined) {
      const stop = new AbortController();
      const started = { promise: work(stop.signal), stop, waiters: 0 };
      const forget = (): void => {
        if (this.#running.get(key) === started) this.#running.delete(key);
      };
      started.promise.then(forget, forget);
      this.#running.set(key, started);
      shared = started;
    }
    shared.waiters += 1;
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(abortedBy(signal, what));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([shared.promise, stopped]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      shared.waiters -= 1;
      if (shared.waiters === 0) {
        if (this.#running.get(key) === shared) this.#running.delete(key);
        shared.stop.abort();
      }
    }
  }
}
