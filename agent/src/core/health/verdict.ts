import type { Health } from "@muster/shared/model/status.ts";
import { isObject, type Live, listAt, numberOr, objectAt, textOr } from "../live.ts";

/** A judgement of one live object, and when it could change without the object changing. */
export interface Judgement extends Health {
  readonly recheckInMs?: number;
}

export type HealthRule = (live: Live, now: number) => Judgement;

export const healthy = (message = ""): Judgement => ({ state: "Healthy", message });
export const progressing = (message: string): Judgement => ({ state: "Progressing", message });
export const degraded = (message: string): Judgement => ({ state: "Degraded", message });
export const suspended = (message: string): Judgement => ({ state: "Suspended", message });

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

export function conditionsOf(live: Live): readonly Condition[] {
  return listAt(live, "status", "conditions")
    .filter(isObject)
    .map((condition) => ({
      type: textOr(condition.type, ""),
      status: textOr(condition.status, "Unknown"),
      reason: textOr(condition.reason, ""),
      message: textOr(condition.message, ""),
      ...(typeof condition.observedGeneration === "number" ? { observedGeneration: condition.observedGeneration } : {}),
    }));
}

export const conditionOf = (live: Live, type: string): Condition | undefined =>
  conditionsOf(live).find((condition) => condition.type === type);

/** `Reason: message`, as far as there is any. */
export const say = (condition: Condition): string =>
  [condition.reason, condition.message].filter((part) => part !== "").join(": ") || condition.type;

/** Why a status cannot be believed yet: its controller has not seen the present generation. */
export function awaitsController(live: Live): Judgement | null {
  const observed = numberOr(objectAt(live, "status").observedGeneration, 0);
  const wanted = live.metadata.generation ?? 0;
  return observed < wanted ? progressing("waiting for its controller to see the change") : null;
}

export const spec = (live: Live): Readonly<Record<string, unknown>> => objectAt(live, "spec");
export const status = (live: Live): Readonly<Record<string, unknown>> => objectAt(live, "status");
