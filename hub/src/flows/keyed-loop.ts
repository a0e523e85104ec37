import { type Backoff, backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";

export interface KeyedLoopOptions {
  /** For logs: `drive rollouts`. */
  readonly name: string;
  /** Keys that are worked on at once. */
  readonly concurrencyMax: number;
  /** Brings one key to where it should be. Safe to repeat; must respect `signal` and have deadlines of its own. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly onFailure?: () => void;
}

const RETRY = { initialMs: 200, maxMs: 30_000 } as const;

/**
 * Level-triggered work by key. A key is idle, queued, running, or running and woken again; waking a queued key is
 * nothing, and one that is woken while it runs runs once more. So the number of events does not matter, a newer state
 * never waits behind older events, and one failing key (retried with jittered backoff, for ever) delays no other.
 */
export class KeyedLoop {
  readonly #options: KeyedLoopOptions;
  readonly #queued = new Set<string>();
  readonly #running = new Set<string>();
  readonly #failing = new Map<string, Backoff>();
  /** Failing keys whose next try is set: each has one, however often it fails for being woken meanwhile. */
  readonly #retrying = new Set<string>();
  readonly #idleWaiters = new Set<() => void>();
  readonly #stop = new AbortController();
  #isStarted = false;

  constructor(options: KeyedLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStarted = true;
    this.#pump();
  }

  /** Aborts what runs and waits for it. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#queued.clear();
    await this.idle();
  }

  wake(key: string): void {
    if (this.#stop.signal.aborted) return;
    this.#queued.add(key);
    this.#pump();
  }

  /** Resolves when nothing is queued or running. Keys that wait to be tried again do not count. */
  async idle(): Promise<void> {
    while (this.#running.size > 0 || (this.#isStarted && this.#queued.size > 0)) {
      await new Promise<void>((resolve) => this.#idleWaiters.add(resolve));
    }
  }

  #pump(): void {
    if (!this.#isStarted || this.#stop.signal.aborted) return;
    for (const key of this.#queued) {
      if (this.#running.size >= this.#options.concurrencyMax) return;
      if (this.#running.has(key)) continue;
      this.#queued.delete(key);
      this.#running.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    const { work, log, name, onFailure } = this.#options;
    const { signal } = this.#stop;
    try {
      await work(key, signal);
      this.#failing.delete(key);
    } catch (error) {
      if (!signal.aborted) {
        onFailure?.();
        const delayMs = this.#retryLater(key);
        const level = isAppError(error, "conflict") ? "debug" : "warn";
        log[level]({ loop: name, key, err: error, delayMs }, "work failed; it is tried again");
      }
    } finally {
      this.#running.delete(key);
      this.#pump();
      if (this.#running.size === 0) {
        for (const resolve of this.#idleWaiters) resolve();
        this.#idleWaiters.clear();
      }
    }
  }

  #retryLater(key: string): number {
    const { clock, random } = this.#options;
    const waits = this.#failing.get(key) ?? backoff({ ...RETRY, random });
    this.#failing.set(key, waits);
    const delayMs = waits.next();
    if (this.#retrying.has(key)) return delayMs;
    this.#retrying.add(key);
    clock.sleep(delayMs, this.#stop.signal).then(
      () => {
        this.#retrying.delete(key);
        this.wake(key);
      },
      () => {},
    );
    return delayMs;
  }
}
