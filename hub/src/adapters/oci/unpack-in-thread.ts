import { Worker } from "node:worker_threads";
import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { AppError, type ErrorCode } from "@muster/shared/errors.ts";
import type { UnpackTask } from "./unpack.ts";

export type UnpackAnswer =
  | { readonly kind: "unpacked" }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string };

const MEMORY_MB = 256;

/**
 * Unpacks in a thread of its own, which ends with it: packing may hide much work in few bytes. The layers are handed
 * over. `what` begins the sentence of an error.
 * @throws AppError "invalid", "too-large", "unavailable" (took too long), "cancelled".
 */
export async function unpackInThread(task: UnpackTask, opts: { what: string; signal: AbortSignal }): Promise<void> {
  const { what } = opts;
  const { timeoutMsMax } = task.limits;
  const signal = withDeadline(timeoutMsMax, opts.signal);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const worker = new Worker(new URL("./unpack.worker.ts", import.meta.url), {
    name: "unpack",
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  const stop = (): void => reject(abortedBy(signal, `unpacking ${what}`, { timeoutMs: timeoutMsMax }));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  worker.on("message", (answer: UnpackAnswer) => {
    if (answer.kind === "unpacked") resolve();
    else reject(new AppError(answer.code, `${what} cannot be used: ${answer.message}`));
  });
  worker.on("error", (cause) => {
    reject(new AppError("unavailable", `${what} could not be unpacked: ${cause}`, { cause }));
  });
  worker.on("exit", () => reject(new AppError("unavailable", `unpacking ${what} ended without an answer`)));
  worker.postMessage(
    task,
    task.layers.map(({ bytes }) => bytes.buffer as ArrayBuffer),
  );
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", stop);
    await worker.terminate();
  }
}
