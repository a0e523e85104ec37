import { parentPort, workerData } from "node:worker_threads";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import { createEngine } from "./engine.ts";
import type { Answer, CallName, Request } from "./protocol.ts";

const port = parentPort;
if (port === null) throw new Error("isomorphic.worker runs as a worker thread");
const engine = createEngine((workerData as { directory: string }).directory);

async function answer({ id, call, args }: Request): Promise<Answer> {
  try {
    return { id, result: await (engine[call] as (args: unknown) => Promise<unknown>)(args) };
  } catch (error) {
    return {
      id,
      failed: isAppError(error)
        ? { code: error.code, message: error.message, fix: error.fix }
        : { code: "unavailable", message: messageOf(error), fix: undefined },
    };
  }
}

/** Calls on one repository take turns: two fetches into one mirror would write the same files. */
const turns = new Map<string, Promise<unknown>>();
port.on("message", (request: Request<CallName>) => {
  const key = request.args.repository.url;
  const turn = (turns.get(key) ?? Promise.resolve())
    .then(() => answer(request))
    .then((result) => port.postMessage(result));
  turns.set(key, turn);
});
