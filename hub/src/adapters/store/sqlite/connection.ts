import { Worker } from "node:worker_threads";
import { AppError } from "@muster/shared/errors.ts";
import type { Change, Failure, FromWorker, Operation } from "./protocol.ts";

/** The main thread's end of the worker that owns the file: one promise per operation, changes in commit order. */
export interface Connection {
  /** @throws AppError "unavailable" when the store is closed or its worker died. */
  run<Result>(operation: Operation): Promise<Result>;
  onChange(listener: (changes: readonly Change[]) => void): () => void;
  close(): Promise<void>;
}

/** More operations than this in flight mean that somebody does not wait for his answers. */
const IN_FLIGHT_MAX = 100_000;

export async function connect(file: string): Promise<Connection> {
  const worker = new Worker(new URL("./sqlite.worker.ts", import.meta.url), {
    workerData: { file },
    name: "sqlite",
    // What passes through is short-lived and small; V8 would otherwise keep up to 48 MB for it after a burst.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  const pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: AppError) => void }>();
  const listeners = new Set<(changes: readonly Change[]) => void>();
  let lastId = 0;
  let ended: AppError | null = null;

  function end(reason: AppError): void {
    ended ??= reason;
    for (const waiter of pending.values()) waiter.reject(ended);
    pending.clear();
  }

  const opened = new Promise<void>((resolve, reject) => {
    worker.on("message", (message: FromWorker) => {
      switch (message.kind) {
        case "opened":
          return resolve();
        case "failed":
          return reject(toError(message.failure));
        case "batch":
          // Watchers first: whoever awaits a put finds its change already handed over.
          if (message.changes.length > 0) for (const listener of listeners) listener(message.changes);
          for (const outcome of message.outcomes) {
            const waiter = pending.get(outcome.id);
            pending.delete(outcome.id);
            if ("failed" in outcome) waiter?.reject(toError(outcome.failed));
            else waiter?.resolve(outcome.ok);
          }
      }
    });
    worker.on("error", (cause) => {
      end(new AppError("unavailable", "the store's worker failed", { cause }));
      reject(cause);
    });
    worker.on("exit", () => end(new AppError("unavailable", "the store is closed", { retryable: false })));
  });
  await opened;

  return {
    run<Result>(operation: Operation): Promise<Result> {
      if (ended !== null) return Promise.reject(ended);
      if (pending.size >= IN_FLIGHT_MAX) {
        return Promise.reject(new AppError("unavailable", "the store has too many operations under way"));
      }
      const id = ++lastId;
      return new Promise<Result>((resolve, reject) => {
        pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
        worker.postMessage({ id, operation });
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      if (ended !== null) return;
      const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
      worker.postMessage("close");
      await exited;
    },
  };
}

const toError = (failure: Failure): AppError =>
  new AppError(failure.code, failure.message, failure.fix === undefined ? {} : { fix: failure.fix });
