import { type Backoff, backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { FairQueue } from "./fair-queue.ts";

export interface KeyedLoopOptions {
  /** For logs: `drive rollouts`. */
  readonly name: string;
  /** Keys that are worked on at once. */
  readonly concurrencyMax: number;
  /** Keys that take turns with those of other groups. One group can fill the loop; `spare` is then left to the others. */
  readonly fairness?: {
    readonly groupOf: (key: string) => string;
    /** Keys beyond `concurrencyMax`, for groups of which nothing runs. */
    readonly spare: number;
  };
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
 * never waits behind older events, and one failing key (retried with jittered backoff, for ever) delays no other. With
 * `fairness`, keys that take long delay those of their own group.
 */
export class KeyedLoop {
  readonly #options: KeyedLoopOptions;
  readonly #queued = new FairQueue();
  readonly #running = new Set<string>();
  readonly #runningIn = new Map<string, number>();
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
    this.#queued.add(key, this.#options.fairness?.groupOf(key) ?? "");
    this.#pump();
  }

  /** Whether a key is queued, runs, or is to be tried again: what came of it last is not the last word. */
  isBusy(key: string): boolean {
    return this.#queued.has(key) || this.#running.has(key) || this.#retrying.has(key);
  }

  /** Resolves when nothing is queued or running. Keys that wait to be tried again do not count. */
  async idle(): Promise<void> {
    while (this.#running.size > 0 || (this.#isStarted && this.#queued.size > 0)) {
      await new Promise<void>((resolve) => this.#idleWaiters.add(resolve));
    }
  }

  #pump(): void {
    if (!this.#isStarted || this.#stop.signal.aborted) return;
    const { concurrencyMax, fairness } = this.#options;
    const isAlone = (group: string): boolean => !this.#runningIn.has(group);
    for (;;) {
      const free = concurrencyMax - this.#running.size;
      const spare = free + (fairness?.spare ?? 0);
      if (spare <= 0) return;
      const next = this.#queued.take(
        (group) => free > 0 || isAlone(group),
        (key) => !this.#running.has(key),
      );
      if (next === null) return;
      this.#running.add(next.key);
      this.#runningIn.set(next.group, (this.#runningIn.get(next.group) ?? 0) + 1);
      void this.#run(next.key, next.group);
    }
  }

  async #run(key: string, group: string): Promise<void> {
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
      const left = (this.#runningIn.get(group) ?? 1) - 1;
      if (left === 0) this.#runningIn.delete(group);
      else this.#runningIn.set(group, left);
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
