import { assertNever } from "@muster/shared/errors.ts";
import type { SyncOptions } from "@muster/shared/model/definitions/app.ts";
import { type AppName, formatApp } from "@muster/shared/model/ids.ts";
import type { InventoryEntry } from "@muster/shared/model/inventory.ts";
import { formatObject, groupOf, type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { FieldDrift } from "./drift.ts";
import { entriesThatLeft } from "./inventory.ts";
import { applyOrder } from "./order.ts";
import { describeOwner, type OtherOwner, type Ownership } from "./ownership.ts";
import { type PruneStep, planPrune } from "./plan-prune.ts";

/** What is known of one object in the cluster, gathered just before planning. */
export type LiveKnowledge =
  | { readonly kind: "absent" }
  /** It could not be looked at: left as it is. */
  | { readonly kind: "unreadable"; readonly problem: Problem }
  | {
      readonly kind: "present";
      readonly uid: string;
      readonly ownership: Ownership;
      /** Value of the annotation `muster.dev/prune`, if any. */
      readonly prune?: string;
      /** `same`: the body that stands in the bundle was applied before and accepted. */
      readonly body: "same" | "changed" | "unknown";
      /** Managed fields that differ; only compared for the `same` body. */
      readonly drift: readonly FieldDrift[];
    };

export interface PlanInput {
  readonly app: AppName;
  /** The bundle's objects, namespaces filled in. */
  readonly objects: readonly { readonly ref: ObjectRef }[];
  readonly inventory: readonly InventoryEntry[];
  /** By `objectKey`, for every object and for every inventory entry that left the bundle. */
  readonly live: ReadonlyMap<string, LiveKnowledge>;
  readonly sync: SyncOptions;
  /** A namespace to make first, or null. */
  readonly createNamespace: string | null;
  /** Objects whose healing is held back because somebody keeps undoing it: key → when to try again. */
  readonly healNotBefore: ReadonlyMap<string, number>;
  /** Whether this very bundle was wholly applied before: then a difference is drift, and the drift option decides. */
  readonly isApplied: boolean;
  /** Owner labels of the Apps whose objects this one takes over. */
  readonly takesOver: ReadonlySet<string>;
  readonly now: number;
}

export type ApplyStep =
  | {
      readonly kind: "apply";
      readonly ref: ObjectRef;
      readonly cause: "new" | "changed" | "missing" | "drift" | "adopt" | "take-over";
      readonly reason: string;
    }
  /** Stands as the bundle wants it. */
  | { readonly kind: "keep"; readonly ref: ObjectRef; readonly reason: string }
  /** Differs, and stays so: the App's drift option says so, and whether it counts as out of sync. */
  | {
      readonly kind: "leave";
      readonly ref: ObjectRef;
      readonly isMissing: boolean;
      readonly isTold: boolean;
      readonly reason: string;
    }
  /** Differs, and is healed later: somebody keeps undoing it. */
  | { readonly kind: "wait"; readonly ref: ObjectRef; readonly until: number; readonly reason: string }
  /** Belongs to somebody else: not touched. */
  | { readonly kind: "refuse"; readonly ref: ObjectRef; readonly problem: Problem }
  /** Could be written, and is not: another object of the bundle belongs to another App. */
  | { readonly kind: "withhold"; readonly ref: ObjectRef; readonly isMissing: boolean; readonly reason: string };

export interface ApplyPlan {
  /** Made first if it is not there; never owned. */
  readonly createNamespace: string | null;
  /** Groups one after another, the steps of one side by side. */
  readonly groups: readonly (readonly ApplyStep[])[];
  /** Only after every apply was accepted; groups in reverse order. */
  readonly prune: readonly (readonly PruneStep[])[];
  /** When to plan again although nothing happened, or null. */
  readonly recheckAt: number | null;
}

/** What to do so that the cluster runs the bundle. Pure; `formatPlan` prints it. */
export function planApply(input: PlanInput): ApplyPlan {
  const steps = input.objects.map(({ ref }) => planObject(input, ref));
  // First owner wins: of a bundle that wants what another App owns nothing is applied here, rather than half of it.
  // One that was wholly applied before goes on being held: what somebody relabels is no reason to let go of the rest.
  const contested = input.isApplied ? undefined : steps.find((step) => ownerOf(input, step) !== null);
  if (contested !== undefined) {
    const withheld = steps.map((step) => withhold(input, step, contested.ref));
    return { createNamespace: null, groups: applyOrder(withheld), prune: [], recheckAt: null };
  }
  const waits = steps.flatMap((step) => (step.kind === "wait" ? [step.until] : []));
  return {
    createNamespace: steps.some((step) => step.kind === "apply") ? input.createNamespace : null,
    groups: applyOrder(steps),
    prune: planLeaving(input),
    recheckAt: waits.length === 0 ? null : Math.min(...waits),
  };
}

function planObject(input: PlanInput, ref: ObjectRef): ApplyStep {
  const key = objectKey(ref);
  const live = input.live.get(key) ?? { kind: "absent" as const };
  if (live.kind === "absent") {
    const wasApplied = input.isApplied && input.inventory.some((entry) => objectKey(entry.ref) === key);
    if (!wasApplied) return { kind: "apply", ref, cause: "new", reason: "it is not in the cluster" };
    if (input.sync.drift !== "heal") {
      return {
        kind: "leave",
        ref,
        isMissing: true,
        isTold: true,
        reason: `deleted by somebody; drift is "${input.sync.drift}"`,
      };
    }
    return heal(input, ref, "missing", "deleted by somebody");
  }
  if (live.kind === "unreadable") return { kind: "refuse", ref, problem: live.problem };
  switch (live.ownership.kind) {
    case "other-app": {
      if (!input.takesOver.has(live.ownership.hash)) return refuseOthers(input, ref, live.ownership);
      const reason = `it is taken over from ${describeOwner(live.ownership, input.app)}`;
      return { kind: "apply", ref, cause: "take-over", reason };
    }
    case "nobody":
      if (input.sync.adopt === "none") {
        return refuse(ref, `${formatObject(ref)} exists, and Muster did not make it; it is left alone.`, {
          fix: `Delete it, or let ${formatApp(input.app)} take it over with spec.sync.adopt: all`,
        });
      }
      return { kind: "apply", ref, cause: "adopt", reason: 'it exists, and adopt is "all"' };
    case "ours":
      break;
    default:
      return assertNever(live.ownership);
  }
  if (live.body !== "same") return { kind: "apply", ref, cause: "changed", reason: "the bundle changes it" };
  const [first] = live.drift;
  if (first === undefined) return { kind: "keep", ref, reason: "as the bundle wants it" };
  const reason = `${first.field} was changed${first.manager === undefined ? "" : ` by ${first.manager}`}`;
  if (input.sync.drift !== "heal")
    return {
      kind: "leave",
      ref,
      isMissing: false,
      isTold: input.sync.drift === "warn",
      reason: `${reason}; drift is "${input.sync.drift}"`,
    };
  return heal(input, ref, "drift", reason);
}

function heal(input: PlanInput, ref: ObjectRef, cause: "missing" | "drift", reason: string): ApplyStep {
  const until = input.healNotBefore.get(objectKey(ref));
  if (until === undefined || until <= input.now) return { kind: "apply", ref, cause, reason };
  return { kind: "wait", ref, until, reason: `${reason}, again and again: healing is slowed down` };
}

const refuse = (ref: ObjectRef, message: string, { fix }: { fix: string }): ApplyStep => ({
  kind: "refuse",
  ref,
  problem: { code: "NotOwned", message, where: { object: ref }, fix },
});

function refuseOthers(input: PlanInput, ref: ObjectRef, other: OtherOwner): ApplyStep {
  const app = formatApp(input.app);
  const name = describeOwner(other, input.app);
  const isNamed = name === other.app;
  const stays = input.isApplied ? `${app} leaves it alone` : `nothing of ${app} is applied in this cluster`;
  return refuse(ref, `${formatObject(ref)} belongs to ${name}; ${stays}.`, {
    fix: isNamed
      ? `Remove the object from one of the two Apps. If ${app} is to have it: spec.takesOverFrom: [${name.slice(name.indexOf("/") + 1)}]`
      : `Remove the object from ${app}, or give it another name or namespace.`,
  });
}

/** Whose object a step stays away from, or null. */
function ownerOf(input: PlanInput, step: ApplyStep): OtherOwner | null {
  if (step.kind !== "refuse") return null;
  const live = input.live.get(objectKey(step.ref));
  return live?.kind === "present" && live.ownership.kind === "other-app" ? live.ownership : null;
}

function withhold(input: PlanInput, step: ApplyStep, because: ObjectRef): ApplyStep {
  if (step.kind !== "apply" && step.kind !== "wait") return step;
  const isMissing = input.live.get(objectKey(step.ref))?.kind !== "present";
  return {
    kind: "withhold",
    ref: step.ref,
    isMissing,
    reason: `not applied: ${formatObject(because)} is another App's`,
  };
}

function planLeaving(input: PlanInput): readonly (readonly PruneStep[])[] {
  const left = entriesThatLeft(
    input.inventory,
    input.objects.map(({ ref }) => ref),
  );
  // A bundle without objects is no reason to empty a cluster: leaving it takes a tombstone.
  const keepAll =
    input.objects.length === 0
      ? "the bundle is empty, which deletes nothing"
      : input.sync.prune
        ? null
        : "prune is off for this App";
  return planPrune({ entries: left, live: input.live, wantedUids: wantedUids(input), keepAll });
}

/** Of the objects that the bundle holds and that are in the cluster. */
function wantedUids(input: PlanInput): ReadonlySet<string> {
  const live = input.objects.map(({ ref }) => input.live.get(objectKey(ref)));
  return new Set(live.flatMap((known) => (known?.kind === "present" ? [known.uid] : [])));
}

/** Whether applying this body can only work once the API server serves a kind that the same bundle defines. */
export const isDefinition = (ref: ObjectRef): boolean =>
  ref.kind === "CustomResourceDefinition" && groupOf(ref.apiVersion) === "apiextensions.k8s.io";

/** One line a step, in the order they are carried out. */
export function formatPlan(plan: ApplyPlan): string {
  const lines = plan.createNamespace === null ? [] : [`create Namespace ${plan.createNamespace} if it is not there`];
  for (const step of plan.groups.flat()) {
    lines.push(
      `${step.kind} ${formatObject(step.ref)}: ${step.kind === "refuse" ? step.problem.message : step.reason}`,
    );
  }
  for (const step of plan.prune.flat()) lines.push(`${step.kind} ${formatObject(step.ref)}: ${step.reason}`);
  return lines.join("\n");
}
