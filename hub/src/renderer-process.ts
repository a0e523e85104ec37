import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import { withDeadline } from "@muster/shared/deadline.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { failureIn, type RendererNews } from "./renderer-news.ts";

export interface RendererProcessOptions {
  /** Flags of `renderer-config.ts`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;
const RESTART_INITIAL_MS = 200;
const RESTART_MAX_MS = 10_000;
/** Passed on to it; whatever else is set is meant for the hub. */
const ENVIRONMENT = ["PATH", "TMPDIR", "MALLOC_ARENA_MAX"];

interface Started {
  readonly ended: Promise<unknown>;
}

/**
 * Keeps one `renderer-main.ts` running beside this process, and starts it again when it ends. It ends by itself when this
 * process does, however that may be.
 *
 * Starting a process costs a copy of the page tables of whoever starts it: 3 ms and more of the main thread in a hub of
 * some 150 MB, a fraction in a small process that does nothing else.
 */
export class RendererProcess {
  readonly #options: RendererProcessOptions;
  readonly #closing = new AbortController();
  #child: ChildProcess | null = null;
  #kept: Promise<void> = Promise.resolve();

  private constructor(options: RendererProcessOptions) {
    this.#options = options;
  }

  /** @throws AppError of the renderer's own ("invalid": a binary that cannot be run), "unavailable". */
  static async start(options: RendererProcessOptions): Promise<RendererProcess> {
    const started = new RendererProcess(options);
    try {
      started.#kept = started.#keep(await started.#startOnce());
      return started;
    } catch (error) {
      await started.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#kept;
    await this.#stop();
  }

  async #keep(first: Started): Promise<void> {
    const { clock, random, log } = this.#options;
    const delays = backoff({ initialMs: RESTART_INITIAL_MS, maxMs: RESTART_MAX_MS, random });
    const { signal } = this.#closing;
    const isClosing = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    let current: Started | null = first;
    while (!signal.aborted) {
      if (current !== null) {
        await Promise.race([current.ended, isClosing]);
        if (signal.aborted) return;
        log.error("the renderer ended; it is started again");
      }
      await clock.sleep(delays.next(), signal).catch(() => {});
      if (signal.aborted) return;
      try {
        current = await this.#startOnce();
        delays.reset();
      } catch (err) {
        log.error({ err }, "the renderer does not start; it is tried again");
        await this.#stop();
        current = null;
      }
    }
  }

  /** Settles once it serves. */
  async #startOnce(): Promise<Started> {
    const { flags } = this.#options;
    const main = fileURLToPath(new URL("./renderer-main.ts", import.meta.url));
    const args = Object.entries(flags).map(([key, value]) => `--${key}=${value}`);
    const env = ENVIRONMENT.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    // In a group of its own: what a terminal sends to the hub is the hub's to pass on.
    const child = spawn(process.execPath, [main, ...args], {
      env: Object.fromEntries(env),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      detached: true,
    });
    this.#child = child;
    const ended = once(child, "exit").catch(() => {});
    const deadline = withDeadline(START_TIMEOUT_MS, this.#closing.signal);
    let news: RendererNews | null;
    try {
      news = await Promise.race([
        once(child, "message", { signal: deadline }).then(([message]) => message as RendererNews),
        ended.then(() => null),
      ]);
    } catch (cause) {
      throw new AppError("unavailable", `the renderer does not start: ${messageOf(cause)}`, { cause });
    }
    if (news?.kind === "serving") return { ended };
    if (news === null) throw new AppError("unavailable", "the renderer ended before it served");
    throw failureIn(news);
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit").catch(() => {});
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(late);
  }
}
