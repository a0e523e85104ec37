import type { Clock, Instant } from "@muster/shared/clock.ts";

/** However far the time is: looked at again, since clocks are set and timers have their limits. */
const WAIT_MS_MAX = 60 * 60_000;

/** Wakes a key at a time. One wait for each key: the earliest that was asked for. */
export class WakeLater {
  readonly #waits = new Map<string, { at: Instant; cancel: AbortController }>();
  readonly #deps: { readonly clock: Clock; readonly wake: (key: string) => void };

  constructor(deps: { readonly clock: Clock; readonly wake: (key: string) => void }) {
    this.#deps = deps;
  }

  at(key: string, at: Instant): void {
    const { clock, wake } = this.#deps;
    const waiting = this.#waits.get(key);
    if (waiting !== undefined && waiting.at <= at) return;
    waiting?.cancel.abort();
    const cancel = new AbortController();
    this.#waits.set(key, { at, cancel });
    clock.sleep(Math.max(0, Math.min(at - clock.now(), WAIT_MS_MAX)), cancel.signal).then(
      () => {
        this.#waits.delete(key);
        wake(key);
      },
      () => {},
    );
  }

  stop(): void {
    for (const { cancel } of this.#waits.values()) cancel.abort();
    this.#waits.clear();
  }
}
