import { Worker } from "node:worker_threads";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import { type Log, silentLog } from "@muster/shared/log.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { BundleCallOptions, BundleInput, BundleResult, Bundler } from "../../ports/bundler.ts";
import { nothingRendered } from "./bundle-manifests.ts";
import { type BundleAnswer, type BundleTask, packFiles } from "./bundle-task.ts";
import { WorkerCrash, WorkerPool } from "./worker-pool.ts";

export interface WorkerBundlerOptions {
  /** Threads that render at the same time; two or more, so that a hostile App holds up no other. */
  readonly workers: number;
  readonly limits?: Partial<WorkerBundlerLimits>;
  readonly log?: Log;
}

export interface WorkerBundlerLimits {
  /** Heap of one worker. What needs more is told as the fault of the file that was being read. */
  readonly workerMemoryMb: number;
  readonly queueLengthMax: number;
  readonly idleMs: number;
}

/** For whom no worker is at work, while others keep all of them busy. */
const SPARE_MAX = 1;

export const WORKER_BUNDLER_LIMITS: WorkerBundlerLimits = {
  workerMemoryMb: 384,
  queueLengthMax: 10_000,
  idleMs: 15_000,
};

/**
 * Raised whenever equal files may give another digest than before: it is part of a Release's inputs, and holds that
 * Release until someone wants it.
 */
const VERSION = "plain/2";

/**
 * Renders folders of YAML and JSON files as they are. Files count whose name ends in `.yaml`, `.yml` or `.json`, in the
 * App's folder and below; what is hidden (a name that begins with a dot, anywhere in the path) does not.
 */
export function createWorkerBundler(options: WorkerBundlerOptions): Bundler {
  const limits = { ...WORKER_BUNDLER_LIMITS, ...options.limits };
  const log = options.log ?? silentLog;
  const pool = new WorkerPool({
    startWorker: () =>
      new Worker(new URL("./bundle.worker.ts", import.meta.url), {
        name: "render",
        env: {},
        execArgv: [],
        resourceLimits: { maxOldGenerationSizeMb: limits.workerMemoryMb, maxYoungGenerationSizeMb: 4 },
      }),
    workersMax: options.workers,
    spareMax: SPARE_MAX,
    queueLengthMax: limits.queueLengthMax,
    idleMs: limits.idleMs,
    onCrash: (err) => log.warn({ err }, "render worker died"),
  });

  return {
    kind: "plain",
    version: VERSION,
    prepare: () => pool.warm(),
    bundle: (input, opts) => bundle(pool, limits, input, opts),
    close: () => pool.close(),
  };
}

async function bundle(
  pool: WorkerPool,
  limits: WorkerBundlerLimits,
  input: BundleInput,
  { signal, fairnessKey }: BundleCallOptions,
): Promise<BundleResult> {
  const { files, ...options } = input;
  if (files.length === 0) return invalid(nothingRendered(0));

  const reading = new SharedArrayBuffer(4);
  new Int32Array(reading)[0] = -1;
  const message: BundleTask = { ...packFiles(files), options, reading };
  const lastRead = () => files[Atomics.load(new Int32Array(reading), 0)]?.path;
  try {
    return await pool.run<BundleAnswer>({
      message,
      transfer: [message.contents],
      group: fairnessKey,
      what: "rendering",
      timeoutMs: input.limits.timeoutMsMax,
      signal,
    });
  } catch (error) {
    const path = lastRead();
    if (error instanceof WorkerCrash && error.isOutOfMemory) return invalid(outOfMemory(path, limits));
    if (isAppError(error, "unavailable") && path !== undefined) {
      throw new AppError("unavailable", `${error.message}, while reading ${path}`, { cause: error });
    }
    if (isAppError(error)) throw error;
    const where = path === undefined ? "" : ` of ${path}`;
    throw new AppError("unavailable", `rendering${where} failed: ${messageOf(error)}`, { cause: error });
  }
}

const invalid = (problem: Problem): BundleResult => ({ kind: "invalid", problems: [problem] });

function outOfMemory(path: string | undefined, { workerMemoryMb }: WorkerBundlerLimits): Problem {
  return {
    code: "RenderFailed",
    message: `reading this needs more than the ${workerMemoryMb} MB of memory that a render may use.`,
    where: path === undefined ? {} : { path },
    fix: "Look for a file with very many small values, and split it into several Apps if it is meant.",
  };
}
