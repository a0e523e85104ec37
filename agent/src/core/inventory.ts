import type { InventoryEntry } from "@muster/shared/model/inventory.ts";
import { type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";

/** What is written before the first apply: everything owned so far and everything that is about to be. */
export function unionInventory(held: readonly InventoryEntry[], refs: readonly ObjectRef[]): readonly InventoryEntry[] {
  const entries = new Map(held.map((entry) => [objectKey(entry.ref), entry]));
  for (const ref of refs) {
    const known = entries.get(objectKey(ref));
    // The newest apiVersion is the one that is sure to be served; identity and uid stay.
    entries.set(objectKey(ref), known?.uid === undefined ? { ref } : { ref, uid: known.uid });
  }
  return [...entries.values()];
}

/** Keys that are in the inventory and no longer in the bundle. */
export function entriesThatLeft(
  inventory: readonly InventoryEntry[],
  refs: readonly ObjectRef[],
): readonly InventoryEntry[] {
  const wanted = new Set(refs.map(objectKey));
  return inventory.filter((entry) => !wanted.has(objectKey(entry.ref)));
}

/** With the uids learned from applies, and without the objects that are gone. */
export function settleInventory(
  inventory: readonly InventoryEntry[],
  learned: { readonly uids: ReadonlyMap<string, string>; readonly gone: ReadonlySet<string> },
): readonly InventoryEntry[] {
  return inventory
    .filter((entry) => !learned.gone.has(objectKey(entry.ref)))
    .map((entry) => {
      const uid = learned.uids.get(objectKey(entry.ref)) ?? entry.uid;
      return uid === undefined ? { ref: entry.ref } : { ref: entry.ref, uid };
    });
}

export function sameInventory(a: readonly InventoryEntry[], b: readonly InventoryEntry[]): boolean {
  if (a.length !== b.length) return false;
  const known = new Map(a.map((entry) => [objectKey(entry.ref), entry]));
  return b.every((entry) => {
    const other = known.get(objectKey(entry.ref));
    return other !== undefined && other.uid === entry.uid && other.ref.apiVersion === entry.ref.apiVersion;
  });
}
