import { Worker } from "node:worker_threads";
import { AppError } from "@muster/shared/errors.ts";
import type { Answer, CallName, Calls } from "./protocol.ts";

const TIMEOUT_MS = 60_000;

export interface WorkerCalls {
  /** @throws AppError "unavailable" (not answered in time, or the worker ended), "cancelled". */
  call<Name extends CallName>(
    name: Name,
    args: Calls[Name]["args"],
    opts?: { signal?: AbortSignal; timeoutMs?: number },
  ): Promise<Calls[Name]["result"]>;
  close(): Promise<void>;
}

/** The worker of isomorphic-git: started at the first call, and again when it has ended. */
export function createWorkerCalls(): WorkerCalls {
  const pending = new Map<number, { resolve: (value: never) => void; reject: (error: AppError) => void }>();
  let worker: Worker | null = null;
  let lastId = 0;

  function start(): Worker {
    const started = new Worker(new URL("./isomorphic.worker.ts", import.meta.url), { name: "git" });
    started.on("message", (answer: Answer) => {
      const waiter = pending.get(answer.id);
      pending.delete(answer.id);
      if ("failed" in answer) {
        waiter?.reject(new AppError(answer.failed.code, answer.failed.message, toOptions(answer.failed)));
      } else waiter?.resolve(answer.result as never);
    });
    const end = (cause?: unknown): void => {
      if (worker === started) worker = null;
      for (const waiter of pending.values()) {
        waiter.reject(new AppError("unavailable", "the Git worker ended", { cause }));
      }
      pending.clear();
    };
    started.on("error", end);
    started.on("exit", () => end());
    return started;
  }

  return {
    call(name, args, { signal, timeoutMs = TIMEOUT_MS } = {}) {
      if (signal?.aborted) return Promise.reject(new AppError("cancelled", `git ${name} was cancelled`));
      worker ??= start();
      const askedOf = worker;
      const id = ++lastId;
      const { promise, resolve, reject } = Promise.withResolvers<Calls[typeof name]["result"]>();
      pending.set(id, { resolve: resolve as (value: never) => void, reject });
      const giveUp = (error: AppError): void => {
        if (!pending.delete(id)) return;
        askedOf.postMessage({ abandon: id });
        reject(error);
      };
      const late = (): void =>
        giveUp(new AppError("unavailable", `git ${name} did not finish in ${timeoutMs / 1000} s`));
      const timer = setTimeout(late, timeoutMs);
      const onAbort = (): void => giveUp(new AppError("cancelled", `git ${name} was cancelled`));
      signal?.addEventListener("abort", onAbort, { once: true });
      askedOf.postMessage({ id, call: name, args });
      return promise.finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      });
    },
    async close() {
      await worker?.terminate();
      worker = null;
    },
  };
}

const toOptions = (failed: { fix: string | undefined }): { fix?: string } =>
  failed.fix === undefined ? {} : { fix: failed.fix };
