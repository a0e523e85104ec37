import { parentPort } from "node:worker_threads";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import { type UnpackTask, unpack } from "./unpack.ts";
import type { UnpackAnswer } from "./unpack-in-thread.ts";

// One artifact, and then this thread ends.
parentPort?.once("message", (task: UnpackTask) => {
  const answer = (said: UnpackAnswer): void => parentPort?.postMessage(said);
  unpack(task).then(
    () => answer({ kind: "unpacked" }),
    (error: unknown) =>
      answer({ kind: "refused", code: isAppError(error) ? error.code : "unavailable", message: messageOf(error) }),
  );
});
