import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";

export interface FaultRequest {
  readonly verb: Verb;
  readonly kind: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
}

/** What a test can break. Watches go on where they were once contact is back. */
export interface FaultSwitches {
  /** No contact at all: calls fail as "unavailable", watches fall silent. */
  setUnavailable(isUnavailable: boolean): void;
  /** Every call takes this much longer. */
  setDelayMs(delayMs: number): void;
  /** Calls it applies to fail with the error. Answers what lifts it again. */
  refuse(applies: (request: FaultRequest) => boolean, error: (request: FaultRequest) => AppError): () => void;
}

export interface Faults extends FaultSwitches {
  readonly isUnavailable: boolean;
  /** Called before everything a client asks. @throws what was switched on. */
  pass(request: FaultRequest, signal?: AbortSignal): Promise<void>;
  /** Called for every change of a switch. Answers what ends it. */
  onChange(listener: () => void): () => void;
}

export function createFaults(clock: Clock): Faults {
  let isUnavailable = false;
  let delayMs = 0;
  const refusals = new Set<{ applies(request: FaultRequest): boolean; error(request: FaultRequest): AppError }>();
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of [...listeners]) listener();
  };
  return {
    get isUnavailable() {
      return isUnavailable;
    },
    setUnavailable(value) {
      isUnavailable = value;
      changed();
    },
    setDelayMs(value) {
      delayMs = value;
    },
    refuse(applies, error) {
      const refusal = { applies, error };
      refusals.add(refusal);
      changed();
      return () => {
        refusals.delete(refusal);
        changed();
      };
    },
    async pass(request, signal) {
      if (signal?.aborted) throw new AppError("cancelled", `${request.kind} ${request.name} was cancelled`);
      if (delayMs > 0) await clock.sleep(delayMs, signal);
      if (isUnavailable)
        throw new AppError("unavailable", `${request.kind} ${request.name}: no contact with the API server`);
      for (const refusal of refusals) if (refusal.applies(request)) throw refusal.error(request);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The words in which RBAC refuses. */
export const forbiddenError = ({ verb, plural, namespace }: FaultRequest): AppError =>
  new AppError(
    "forbidden",
    `${plural} is forbidden: cannot ${verb} resource "${plural}"${namespace === "" ? " at the cluster scope" : ` in the namespace "${namespace}"`}`,
    { fix: "Allow it in the role of the agent's service account." },
  );
