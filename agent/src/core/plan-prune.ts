import type { InventoryEntry } from "@muster/shared/model/inventory.ts";
import { type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";
import { isProtectedKind, removeOrder } from "./order.ts";
import { PRUNE_ANNOTATION } from "./ownership.ts";
import type { LiveKnowledge } from "./plan-apply.ts";

export type PruneStep =
  /** Deleted if it still is the object with this uid. */
  | { readonly kind: "prune"; readonly ref: ObjectRef; readonly uid: string; readonly reason: string }
  /** Stays in the cluster and in the inventory; `awaitsConsent` when a person should decide. */
  | { readonly kind: "retain"; readonly ref: ObjectRef; readonly awaitsConsent: boolean; readonly reason: string }
  /** Leaves the inventory untouched: it is gone, or is somebody else's by now. */
  | { readonly kind: "forget"; readonly ref: ObjectRef; readonly reason: string };

/** What to do with inventory entries that are not wanted any more, last applied first. Nothing else is ever deleted. */
export function planPrune(input: {
  readonly entries: readonly InventoryEntry[];
  readonly live: ReadonlyMap<string, LiveKnowledge>;
  /** Objects that are wanted, also under another name: one object can be served by two API groups. */
  readonly wantedUids: ReadonlySet<string>;
  /** Why everything stays, or null. */
  readonly keepAll: string | null;
}): readonly (readonly PruneStep[])[] {
  return removeOrder(input.entries.map((entry) => planEntry(entry, input.live.get(objectKey(entry.ref)), input)));
}

function planEntry(
  entry: InventoryEntry,
  live: LiveKnowledge | undefined,
  { wantedUids, keepAll }: { wantedUids: ReadonlySet<string>; keepAll: string | null },
): PruneStep {
  const { ref } = entry;
  // What could not be looked at is not deleted: not knowing is no reason.
  if (live === undefined || live.kind === "unreadable")
    return { kind: "retain", ref, awaitsConsent: false, reason: "its state is not known" };
  if (live.kind === "absent") return { kind: "forget", ref, reason: "it is gone" };
  if (wantedUids.has(live.uid)) return { kind: "forget", ref, reason: "the bundle holds it under another name" };
  if (live.ownership.kind !== "ours") {
    return { kind: "forget", ref, reason: "it is not ours any more" };
  }
  if (keepAll !== null) return { kind: "retain", ref, awaitsConsent: true, reason: keepAll };
  if (live.prune === "false")
    return { kind: "retain", ref, awaitsConsent: false, reason: `kept by ${PRUNE_ANNOTATION}: "false"` };
  if (isProtectedKind(ref) && live.prune !== "true") {
    return {
      kind: "retain",
      ref,
      awaitsConsent: true,
      reason: `a ${ref.kind} is deleted only with consent: annotate it with ${PRUNE_ANNOTATION}: "true", or delete it by hand`,
    };
  }
  return { kind: "prune", ref, uid: live.uid, reason: "it left the bundle" };
}
