import { formatObject, objectKey } from "@muster/shared/model/object-ref.ts";
import type { FieldDrift } from "../core/drift.ts";
import type { ApplyPlan, ApplyStep, LiveKnowledge } from "../core/plan-apply.ts";
import type { DriftRecord } from "../core/summarize.ts";
import type { AppEntry, ObjectState } from "./app-book.ts";

/** Drift records that are kept and told, per App. */
const recordsMax = 20;
/** How often in a row an object is healed at once: a person gives up sooner, a controller does not. */
const freeHeals = 20;
const healWaitMsMax = 5 * 60_000;
/** So long after a heal, or twice as long as the last wait, and nobody is fighting any more. */
const quietMs = 60_000;

type PresentDrift = ReadonlyMap<string, readonly FieldDrift[]>;

const isDriftStep = (step: ApplyStep): boolean =>
  step.kind === "leave" ||
  step.kind === "wait" ||
  (step.kind === "apply" && (step.cause === "drift" || step.cause === "missing"));

/** What differs now, by object: the fields, or the whole object when somebody deleted it. */
export function findPresentDrift(plan: ApplyPlan, live: ReadonlyMap<string, LiveKnowledge>): PresentDrift {
  const present = new Map<string, readonly FieldDrift[]>();
  for (const step of plan.groups.flat().filter(isDriftStep)) {
    const key = objectKey(step.ref);
    const known = live.get(key);
    if (known?.kind === "present") present.set(key, known.drift);
    else present.set(key, [{ field: "", expected: formatObject(step.ref), found: "deleted" }]);
  }
  return present;
}

/** Notes drift that stays for now, and drops the notes of drift that is no more. */
export function recordLeft(entry: AppEntry, plan: ApplyPlan, present: PresentDrift, now: number): void {
  const left = plan.groups.flat().filter((step) => step.kind === "leave" || step.kind === "wait");
  const open = left.flatMap((step) =>
    (present.get(objectKey(step.ref)) ?? []).map((drift) => {
      const known = entry.drift.find(
        (record) =>
          record.healedAt === null && record.field === drift.field && objectKey(record.object) === objectKey(step.ref),
      );
      return { object: step.ref, ...drift, at: known?.at ?? now, healedAt: null };
    }),
  );
  entry.drift = [...open, ...entry.drift.filter((record) => record.healedAt !== null)].slice(0, recordsMax);
}

/** Notes what was healed, slows down where it was healed often, and returns what it noted now. */
export function recordHealed(
  entry: AppEntry,
  plan: ApplyPlan,
  present: PresentDrift,
  now: number,
  next: (before: ObjectState["heals"]) => ObjectState["heals"],
): readonly DriftRecord[] {
  const healed: DriftRecord[] = [];
  for (const step of plan.groups.flat()) {
    if (step.kind !== "apply" || (step.cause !== "drift" && step.cause !== "missing")) continue;
    const state = entry.objects.get(objectKey(step.ref));
    if (state === undefined) continue;
    state.heals = next(state.heals);
    if (state.problem !== null) continue;
    for (const drift of present.get(objectKey(step.ref)) ?? []) {
      healed.push({ object: step.ref, ...drift, at: now, healedAt: now });
    }
  }
  if (healed.length > 0) entry.drift = [...healed, ...entry.drift].slice(0, recordsMax);
  return healed;
}

/** The first heals are free; then each waits about twice as long as the one before, up to five minutes. */
export function nextHeal(
  before: ObjectState["heals"],
  now: number,
  random: () => number,
): NonNullable<ObjectState["heals"]> {
  const isFight = before !== null && now - before.lastAt <= Math.max(quietMs, 2 * (before.notBefore - before.lastAt));
  const count = isFight ? before.count + 1 : 1;
  if (count < freeHeals) return { count, lastAt: now, notBefore: now };
  const bound = Math.min(healWaitMsMax, 1_000 * 2 ** Math.min(count - freeHeals, 16));
  return { count, lastAt: now, notBefore: now + Math.ceil(bound * (0.5 + random() / 2)) };
}
