import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import { formatObject, type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { type ApplyPlan, type ApplyStep, isDefinition } from "../core/plan-apply.ts";
import type { PruneStep } from "../core/plan-prune.ts";
import { problemOf } from "../core/problem-of.ts";
import type { ClusterApi, ServiceAccount } from "../ports/cluster-api.ts";
import type { AppEntry } from "./app-book.ts";
import { addState, type PlacedObject } from "./gather-live.ts";
import { forEachLimited } from "./limited.ts";
import type { LiveWatch } from "./watch-drift.ts";

export interface ApplyDeps {
  readonly cluster: ClusterApi;
  readonly watch: LiveWatch;
  readonly clock: Clock;
}

export interface ApplyOutcome {
  /** Every step was carried out and accepted. */
  readonly isAccepted: boolean;
  /** A newer assignment came into force: the rest was not begun. */
  readonly isSuperseded: boolean;
}

const writesAtOnce = 8;
const establishedWithinMs = 30_000;

/**
 * Carries out the plan's applies, group by group. What one object is refused for is noted on it and does not keep the
 * others from being applied; no contact with the API server ends the whole. Begins nothing once a newer assignment is
 * in force, and never interrupts a write except when the Lease is lost.
 */
export async function applyGroups(
  deps: ApplyDeps,
  entry: AppEntry,
  plan: ApplyPlan,
  placed: ReadonlyMap<string, PlacedObject>,
  signals: { readonly lost: AbortSignal; readonly superseded: AbortSignal },
): Promise<ApplyOutcome> {
  let isAccepted = true;
  for (const group of plan.groups) {
    const defined: ObjectRef[] = [];
    await forEachLimited(group, writesAtOnce, async (step) => {
      if (signals.superseded.aborted) return;
      const isDone = await carryOut(deps, entry, step, placed, signals.lost);
      if (!isDone) isAccepted = false;
      else if (step.kind === "apply" && isDefinition(step.ref)) defined.push(step.ref);
    });
    if (signals.superseded.aborted) return { isAccepted: false, isSuperseded: true };
    await untilEstablished(deps, defined, AbortSignal.any([signals.lost, signals.superseded]));
  }
  return { isAccepted, isSuperseded: signals.superseded.aborted };
}

/** False when the object is not as the bundle wants it and Muster means it to be. */
async function carryOut(
  deps: ApplyDeps,
  entry: AppEntry,
  step: ApplyStep,
  placed: ReadonlyMap<string, PlacedObject>,
  lost: AbortSignal,
): Promise<boolean> {
  const key = objectKey(step.ref);
  const state = entry.objects.get(key) ?? addState(entry, step.ref);
  switch (step.kind) {
    case "keep":
      state.sync = "Synced";
      state.problem = null;
      return true;
    case "leave":
      state.sync = step.isTold ? "OutOfSync" : "Synced";
      state.problem = null;
      if (step.isMissing) state.health = { state: "Missing", message: step.reason };
      return true;
    case "wait":
      state.sync = "OutOfSync";
      state.problem = null;
      return true;
    case "withhold":
      state.sync = "OutOfSync";
      state.problem = null;
      if (step.isMissing) state.health = { state: "Missing", message: step.reason };
      return false;
    case "refuse":
      state.sync = "OutOfSync";
      state.problem = step.problem;
      state.health = { state: "Unknown", message: step.problem.message };
      return false;
    case "apply": {
      const object = placed.get(key);
      if (object === undefined) return false;
      // Whatever happens from here on, the body that was there before is not known to stand any more.
      state.appliedHash = null;
      state.clean = null;
      state.sync = "OutOfSync";
      try {
        const applied = deps.watch.learn(
          await deps.cluster.apply(step.ref, object.body(), { force: true, actAs: entry.record.actsAs, signal: lost }),
        );
        state.appliedHash = object.hash;
        state.clean = { fingerprint: applied.fingerprint, resourceVersion: applied.resourceVersion };
        state.uid = applied.uid;
        state.health = applied.health;
        state.sync = "Synced";
        state.problem = null;
        return true;
      } catch (error) {
        if (lost.aborted || isAppError(error, "unavailable")) throw error;
        state.problem = withFix(problemOf(error, step.ref), step.ref);
        state.health = { state: "Unknown", message: state.problem.message };
        return false;
      }
    }
  }
}

const withFix = (problem: Problem, ref: ObjectRef): Problem =>
  problem.code === "NamespaceMissing"
    ? {
        ...problem,
        message: `${formatObject(ref)}: the namespace ${ref.namespace} does not exist in this cluster.`,
        fix: `Let the App make it with spec.destination.createNamespace: true, or put the Namespace into the App.`,
      }
    : problem;

/** Custom objects are refused until their definition is served. If it takes too long the applies say so. */
async function untilEstablished(
  deps: ApplyDeps,
  definitions: readonly ObjectRef[],
  signal: AbortSignal,
): Promise<void> {
  const until = deps.clock.now() + establishedWithinMs;
  for (const ref of definitions) {
    for (let waitMs = 20; deps.clock.now() < until && !signal.aborted; waitMs = Math.min(waitMs * 2, 1_000)) {
      const found = await deps.cluster.get(ref);
      if (found === null || deps.watch.learn(found).health.state === "Healthy") break;
      await deps.clock.sleep(waitMs, signal).catch(() => {});
    }
  }
}

/** Makes the namespace if it is not there. It gets no owner: Muster never deletes it. */
export async function createNamespace(cluster: ClusterApi, name: string): Promise<void> {
  const ref: ObjectRef = { apiVersion: "v1", kind: "Namespace", namespace: "", name };
  if ((await cluster.get(ref)) !== null) return;
  try {
    await cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  } catch (error) {
    if (!isAppError(error, "conflict")) throw error;
  }
}

/**
 * Deletes what the plan says, group by group, and nothing more once a newer assignment is in force: it may want the
 * rest. Returns the keys that left the inventory, and what went wrong.
 */
export async function pruneGroups(
  deps: ApplyDeps,
  groups: readonly (readonly PruneStep[])[],
  {
    lost,
    superseded,
    actAs,
  }: { readonly lost: AbortSignal; readonly superseded: AbortSignal; readonly actAs: ServiceAccount | undefined },
): Promise<{ gone: Set<string>; deleted: ObjectRef[]; problems: Problem[] }> {
  const gone = new Set<string>();
  const deleted: ObjectRef[] = [];
  const problems: Problem[] = [];
  for (const group of groups) {
    await forEachLimited(group, writesAtOnce, async (step) => {
      if (step.kind === "retain" || superseded.aborted) return;
      if (step.kind === "prune") {
        try {
          await deps.cluster.delete(step.ref, { uid: step.uid, actAs, signal: lost });
          deleted.push(step.ref);
        } catch (error) {
          if (lost.aborted || isAppError(error, "unavailable")) throw error;
          problems.push(problemOf(error, step.ref));
          return;
        }
      }
      gone.add(objectKey(step.ref));
    });
    // What stands on something goes before it.
    if (problems.length > 0) break;
  }
  return { gone, deleted, problems };
}
