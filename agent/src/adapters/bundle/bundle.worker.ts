import { parentPort } from "node:worker_threads";
import { AppError } from "@muster/shared/errors.ts";
import type { OpenedBundle } from "../../ports/bundle-opener.ts";
import { type SplitRequest, splitBundle } from "./split-bundle.ts";

export type WorkerAnswer =
  | { readonly id: number; readonly kind: "opened"; readonly bundle: OpenedBundle }
  | { readonly id: number; readonly kind: "failed"; readonly code: AppError["code"]; readonly message: string };

parentPort?.on("message", ({ id, request }: { id: number; request: SplitRequest }) => {
  let answer: WorkerAnswer;
  try {
    answer = { id, kind: "opened", bundle: splitBundle(request) };
  } catch (error) {
    const code = error instanceof AppError ? error.code : "corrupt";
    answer = { id, kind: "failed", code, message: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
