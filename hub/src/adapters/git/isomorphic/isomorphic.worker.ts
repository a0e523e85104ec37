import { parentPort } from "node:worker_threads";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import { createEngine } from "./engine.ts";
import type { Answer, CallName, Request, ToWorker } from "./protocol.ts";

const port = parentPort;
if (port === null) throw new Error("isomorphic.worker runs as a worker thread");
const engine = createEngine();

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
/** Calls that are waited for. Abandoning one ends its turn: a server that never answers must not end all of them. */
const waitedFor = new Map<number, AbortController>();

async function answerInTurn(request: Request<CallName>, { signal }: AbortController): Promise<void> {
  if (signal.aborted) return;
  const abandoned = new Promise<null>((resolve) => {
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
  const result = await Promise.race([answer(request), abandoned]);
  if (result !== null) port?.postMessage(result);
}

port.on("message", (request: ToWorker) => {
  if ("abandon" in request) return waitedFor.get(request.abandon)?.abort();
  const key = request.args.gitdir;
  const waiting = new AbortController();
  waitedFor.set(request.id, waiting);
  const turn = (turns.get(key) ?? Promise.resolve())
    .then(() => answerInTurn(request, waiting))
    .then(() => {
      waitedFor.delete(request.id);
      if (turns.get(key) === turn) turns.delete(key);
    });
  turns.set(key, turn);
});
