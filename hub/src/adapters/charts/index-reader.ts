import { Worker } from "node:worker_threads";
import { AppError, type ErrorCode, messageOf } from "@muster/shared/errors.ts";
import type { PackedIndex } from "./read-index.ts";

export type IndexAnswer =
  | { readonly kind: "read"; readonly index: PackedIndex }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string; readonly fix: string | undefined };

export interface IndexReader {
  /** Hands `bytes` over. @throws AppError "invalid", "too-large", "unavailable" (took too long, too many wait). */
  read(bytes: Uint8Array): Promise<PackedIndex>;
  close(): Promise<void>;
}

const READERS_MAX = 2;
const WAITING_MAX = 1_000;
const TIMEOUT_MS = 30_000;
/** 64 MiB as Helm writes them need a third of it. */
const MEMORY_MB = 512;

/** Reads indexes in threads of their own, two at a time: the largest take seconds, and a hostile one takes its thread. */
export function createIndexReader(): IndexReader {
  const running = new Set<Worker>();
  let free = READERS_MAX;
  const waiting: (() => void)[] = [];
  let isClosed = false;

  async function turn(): Promise<void> {
    if (free > 0) {
      free -= 1;
      return;
    }
    if (waiting.length >= WAITING_MAX) {
      throw new AppError("unavailable", `its index.yaml was not read: ${WAITING_MAX} others wait`);
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  /** Hands the place to whoever waits longest. */
  function leave(): void {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }

  function readIn(worker: Worker, bytes: Uint8Array): Promise<PackedIndex> {
    const { promise, resolve, reject } = Promise.withResolvers<PackedIndex>();
    const giveUp = setTimeout(
      () => reject(new AppError("unavailable", `its index.yaml was not read within ${TIMEOUT_MS / 1_000} s`)),
      TIMEOUT_MS,
    );
    worker.on("message", (answer: IndexAnswer) => {
      if (answer.kind === "read") return resolve(answer.index);
      const { code, message, fix } = answer;
      reject(new AppError(code, message, fix === undefined ? {} : { fix }));
    });
    worker.on("error", (cause: NodeJS.ErrnoException) => {
      const isTooLarge = cause.code === "ERR_WORKER_OUT_OF_MEMORY";
      reject(
        isTooLarge
          ? new AppError("too-large", "its index.yaml needs more memory than reading it may use", { cause })
          : new AppError("unavailable", `its index.yaml could not be read: ${messageOf(cause)}`, { cause }),
      );
    });
    worker.on("exit", () => reject(new AppError("cancelled", "reading an index.yaml was cancelled")));
    worker.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
    return promise.finally(() => clearTimeout(giveUp));
  }

  return {
    async read(bytes) {
      await turn();
      if (isClosed) throw new AppError("cancelled", "reading an index.yaml was cancelled");
      const worker = new Worker(new URL("./read-index.worker.ts", import.meta.url), {
        name: "chart-index",
        env: {},
        execArgv: [],
        resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
      });
      running.add(worker);
      try {
        return await readIn(worker, bytes);
      } finally {
        running.delete(worker);
        await worker.terminate();
        leave();
      }
    },

    async close() {
      isClosed = true;
      for (const resolve of waiting.splice(0)) resolve();
      await Promise.all([...running].map((worker) => worker.terminate()));
    },
  };
}
