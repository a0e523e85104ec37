import type { Live } from "../live.ts";
import { isCustomKind } from "../order.ts";
import {
  type Condition,
  conditionsOf,
  degraded,
  healthy,
  type Judgement,
  progressing,
  say,
  status,
} from "./verdict.ts";

/** True means well. */
const readyTypes: readonly string[] = [
  "Ready",
  "Available",
  "Healthy",
  "Established",
  "Accepted",
  "Programmed",
  "Complete",
  "Succeeded",
];
/** True means broken for good, until someone changes something. */
const brokenTypes: readonly string[] = ["Stalled", "Failed", "Degraded"];
/** True means under way. */
const busyTypes: readonly string[] = ["Reconciling", "Progressing"];

/** How long a new custom object without any status is given before it counts as one that never has any. */
const statusGraceMs = 5_000;

/**
 * The rule for every kind without one of its own: by `status.observedGeneration` and by the condition types that
 * controllers agree on. A condition about an older generation says nothing about this one.
 */
export function conditionsHealth(live: Live, now: number): Judgement {
  const generation = live.metadata.generation ?? 0;
  const observed = status(live).observedGeneration;
  if (typeof observed === "number" && observed < generation)
    return progressing("waiting for its controller to see the change");
  const conditions = conditionsOf(live);
  const isStale = (condition: Condition): boolean =>
    condition.observedGeneration !== undefined && condition.observedGeneration < generation;

  const broken = conditions.find((c) => brokenTypes.includes(c.type) && c.status === "True" && !isStale(c));
  if (broken) return degraded(say(broken));
  const stale = conditions.find((c) => [...readyTypes, ...brokenTypes, ...busyTypes].includes(c.type) && isStale(c));
  if (stale) return progressing("waiting for its controller to see the change");
  const ready = readyTypes.map((type) => conditions.find((c) => c.type === type)).find((c) => c !== undefined);
  if (ready && ready.status !== "True") return progressing(say(ready));
  const busy = conditions.find((c) => busyTypes.includes(c.type) && c.status === "True");
  if (busy && ready === undefined) return progressing(say(busy));
  if (Object.keys(status(live)).length === 0 && isCustomKind(live.apiVersion)) {
    const ageMs = now - Date.parse(String(live.metadata.creationTimestamp ?? ""));
    if (ageMs < statusGraceMs)
      return { ...progressing("no status yet"), recheckInMs: Math.max(1, statusGraceMs - ageMs) };
  }
  return healthy(ready ? say(ready) : "");
}
