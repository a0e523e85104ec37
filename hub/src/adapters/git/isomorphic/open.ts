import { Worker } from "node:worker_threads";
import { AppError } from "@muster/shared/errors.ts";
import type { GitSource } from "../../../ports/git-source.ts";
import type { Answer, CallName, Calls } from "./protocol.ts";

const FETCH_TIMEOUT_MS = 15 * 60_000;
const READ_TIMEOUT_MS = 60_000;

/** Git without a git binary: isomorphic-git in a worker, started at the first call. */
export function openIsomorphicGit(opts: { directory: string }): GitSource {
  const pending = new Map<number, { resolve: (value: never) => void; reject: (error: AppError) => void }>();
  let worker: Worker | null = null;
  let lastId = 0;

  function start(): Worker {
    const started = new Worker(new URL("./isomorphic.worker.ts", import.meta.url), {
      workerData: { directory: opts.directory },
      name: "git",
    });
    started.on("message", (answer: Answer) => {
      const waiter = pending.get(answer.id);
      pending.delete(answer.id);
      if ("failed" in answer)
        waiter?.reject(new AppError(answer.failed.code, answer.failed.message, toOptions(answer.failed)));
      else waiter?.resolve(answer.result as never);
    });
    const end = (cause?: unknown): void => {
      if (worker === started) worker = null;
      for (const waiter of pending.values())
        waiter.reject(new AppError("unavailable", "the Git worker ended", { cause }));
      pending.clear();
    };
    started.on("error", end);
    started.on("exit", () => end());
    return started;
  }

  function call<Name extends CallName>(
    name: Name,
    args: Calls[Name]["args"],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Calls[Name]["result"]> {
    if (signal?.aborted) return Promise.reject(new AppError("cancelled", `git ${name} was cancelled`));
    worker ??= start();
    const askedOf = worker;
    const id = ++lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Calls[Name]["result"]>();
    pending.set(id, { resolve: resolve as (value: never) => void, reject });
    const giveUp = (error: AppError): void => {
      if (!pending.delete(id)) return;
      askedOf.postMessage({ abandon: id });
      reject(error);
    };
    const timer = setTimeout(
      () => giveUp(new AppError("unavailable", `git ${name} did not finish in ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    const onAbort = (): void => giveUp(new AppError("cancelled", `git ${name} was cancelled`));
    signal?.addEventListener("abort", onAbort, { once: true });
    askedOf.postMessage({ id, call: name, args });
    return promise.finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    });
  }

  return {
    fetch: (repository, { knownHead, signal }) => call("fetch", { repository, knownHead }, FETCH_TIMEOUT_MS, signal),
    treeOf: (repository, commit, path) => call("treeOf", { repository, commit, path }, READ_TIMEOUT_MS),
    listFiles: (repository, tree, { filesMax }) => call("listFiles", { repository, tree, filesMax }, READ_TIMEOUT_MS),
    readFiles: (repository, oids, { bytesMax }) => call("readFiles", { repository, oids, bytesMax }, READ_TIMEOUT_MS),
    async close() {
      await worker?.terminate();
      worker = null;
    },
  };
}

const toOptions = (failed: { fix: string | undefined }): { fix?: string } =>
  failed.fix === undefined ? {} : { fix: failed.fix };
