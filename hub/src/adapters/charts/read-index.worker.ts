import { parentPort } from "node:worker_threads";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import type { IndexAnswer } from "./index-reader.ts";
import { readIndex } from "./read-index.ts";

// One index, and then this thread ends: what reading it left in memory goes with it.
parentPort?.once("message", (bytes: Uint8Array) => {
  try {
    const index = readIndex(bytes);
    const buffers = [index.data.buffer, index.ends.buffer] as ArrayBuffer[];
    parentPort?.postMessage({ kind: "read", index } satisfies IndexAnswer, buffers);
  } catch (error) {
    const code = isAppError(error) ? error.code : "invalid";
    const fix = isAppError(error) ? error.fix : undefined;
    parentPort?.postMessage({ kind: "refused", code, message: messageOf(error), fix } satisfies IndexAnswer);
  }
});
