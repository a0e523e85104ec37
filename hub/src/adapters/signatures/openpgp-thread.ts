import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { formatDuration } from "@muster/shared/duration.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { OpenPgpAnswer, OpenPgpTask } from "./openpgp-task.ts";

export interface OpenPgpThread {
  /** @throws AppError "unavailable" (too many wait, took too long, the thread died), "cancelled" (closed). */
  check(task: OpenPgpTask): Promise<OpenPgpAnswer>;
  close(): Promise<void>;
}

const WAITING_MAX = 256;
const TIMEOUT_MS = 10_000;
const IDLE_MS = 30_000;
/** A key is some kilobytes; what needs more than this is no key. */
const MEMORY_MB = 128;

/**
 * One thread for everything that openpgp does, one task after the other. It starts with the first task, ends when it
 * had nothing to do for a while, and is ended when a task takes too long: nothing else stops a computation.
 */
export function createOpenPgpThread(): OpenPgpThread {
  let worker: Worker | null = null;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let isClosed = false;
  let idle: NodeJS.Timeout | undefined;

  async function end(): Promise<void> {
    const ending = worker;
    worker = null;
    await ending?.terminate();
  }

  async function run(task: OpenPgpTask): Promise<OpenPgpAnswer> {
    if (isClosed) throw closed();
    clearTimeout(idle);
    worker ??= new Worker(new URL("./openpgp.worker.ts", import.meta.url), {
      name: "openpgp",
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB, maxYoungGenerationSizeMb: 8 },
    });
    const current = worker;
    current.ref();
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort("timeout"), TIMEOUT_MS);
    try {
      const { signal } = stop;
      // An "error" event rejects the first; a thread that ends without one is found by the second.
      const answered = once(current, "message", { signal }).then(([answer]) => answer as OpenPgpAnswer);
      const ended = once(current, "exit", { signal }).then(() => Promise.reject(new Error("the thread ended")));
      // Whichever loses is stopped, and nobody is left to hear of it.
      for (const each of [answered, ended]) each.catch(() => {});
      current.postMessage(task);
      return await Promise.race([answered, ended]);
    } catch (cause) {
      await end();
      if (isClosed) throw closed();
      const why = stop.signal.aborted
        ? `took longer than ${formatDuration(TIMEOUT_MS)}`
        : `failed: ${messageOf(cause)}`;
      throw new AppError("unavailable", `checking a GPG signature ${why}`, { cause });
    } finally {
      clearTimeout(timer);
      stop.abort();
      // A thread that waits keeps no process alive.
      current.unref();
      if (worker !== null) idle = setTimeout(() => void end(), IDLE_MS).unref();
    }
  }

  return {
    async check(task) {
      if (waiting >= WAITING_MAX) throw new AppError("unavailable", `${waiting} signatures wait to be checked already`);
      waiting += 1;
      const result = last.then(() => run(task));
      last = result.catch(() => {});
      return result.finally(() => {
        waiting -= 1;
      });
    },
    async close() {
      isClosed = true;
      clearTimeout(idle);
      await end();
    },
  };
}

const closed = (): AppError => new AppError("cancelled", "checking a GPG signature was cancelled");
