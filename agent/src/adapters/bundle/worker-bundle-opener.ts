import { Worker } from "node:worker_threads";
import { AppError } from "@muster/shared/errors.ts";
import type { BundleOpener, OpenedBundle } from "../../ports/bundle-opener.ts";
import type { WorkerAnswer } from "./bundle.worker.ts";

interface Job {
  resolve(bundle: OpenedBundle): void;
  reject(error: AppError): void;
}

/** Bundles opened at once, the one at work included; more are told to come again. */
const jobsMax = 256;

/** A thread costs some 25 MB: one that had nothing to do for so long is ended. */
const idleMs = 10_000;

/**
 * One worker, started when a bundle is expected (`warm`) or comes, and ended when it was idle for a while. Its heap is
 * bounded, so that a bundle that would exhaust it ends the worker and not the agent; the next bundle gets a new one.
 */
export function createWorkerBundleOpener(opts: { readonly heapMbMax?: number } = {}): BundleOpener {
  const jobs = new Map<number, Job>();
  let worker: Worker | null = null;
  let nextId = 1;
  let idle: NodeJS.Timeout | null = null;

  const fail = (error: AppError): void => {
    worker = null;
    for (const job of jobs.values()) job.reject(error);
    jobs.clear();
  };
  /** A worker without work keeps no process alive, and does not stay for ever. */
  const rest = (resting: Worker): void => {
    resting.unref();
    if (idle !== null) clearTimeout(idle);
    idle = setTimeout(() => {
      if (jobs.size > 0 || worker !== resting) return;
      worker = null;
      void resting.terminate();
    }, idleMs).unref();
  };
  const start = (): Worker => {
    const started = new Worker(new URL("./bundle.worker.ts", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: opts.heapMbMax ?? 512, maxYoungGenerationSizeMb: 8 },
    });
    started.on("message", (answer: WorkerAnswer) => {
      const job = jobs.get(answer.id);
      jobs.delete(answer.id);
      if (jobs.size === 0) rest(started);
      if (answer.kind === "opened") job?.resolve(answer.bundle);
      else job?.reject(new AppError(answer.code, answer.message));
    });
    started.on("error", (cause) => {
      if (worker === started)
        fail(new AppError("too-large", "the bundle could not be opened: the worker ended", { cause }));
    });
    started.on("exit", () => {
      if (worker === started) fail(new AppError("unavailable", "the bundle could not be opened: the worker ended"));
    });
    return started;
  };

  return {
    warm() {
      if (worker !== null) return;
      worker = start();
      rest(worker);
    },
    open(compressed, { digest, owner, bytesMax }) {
      if (jobs.size >= jobsMax) {
        return Promise.reject(new AppError("unavailable", "too many bundles are being opened at once"));
      }
      return new Promise((resolve, reject) => {
        worker ??= start();
        const id = nextId++;
        jobs.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage({
          id,
          request: { compressed, digest, owner: { hash: owner.hash, app: owner.app }, bytesMax },
        });
      });
    },
    async close() {
      const ending = worker;
      if (idle !== null) clearTimeout(idle);
      fail(new AppError("cancelled", "opening the bundle was cancelled"));
      await ending?.terminate();
    },
  };
}
