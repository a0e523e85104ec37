import { AppError } from "@muster/shared/errors.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import { isSameOwner, type Owner, ownerName } from "./documents/owner.ts";

/** A cluster's labels, each with one owner; those that name none are the API's. */
export interface OwnedLabels {
  readonly labels: Labels;
  readonly labelOwners: Readonly<Record<string, Owner>>;
}

export interface LabelConflict {
  readonly key: string;
  readonly owner: Owner;
}

export const labelOwner = ({ labelOwners }: OwnedLabels, key: string): Owner =>
  Object.hasOwn(labelOwners, key) ? (labelOwners[key] as Owner) : "api";

/**
 * The labels after `by` said `set` and took `remove` away. Keys of another owner stay as they are, and are told as
 * conflicts, unless that owner is gone.
 */
export function changeLabels(
  before: OwnedLabels,
  by: Owner,
  change: { readonly set: Labels; readonly remove: readonly string[] },
  isThere: (owner: Owner) => boolean,
): OwnedLabels & { readonly conflicts: readonly LabelConflict[] } {
  const labels = { ...before.labels };
  const labelOwners = { ...before.labelOwners };
  const conflicts: LabelConflict[] = [];
  const isOthers = (key: string): boolean => {
    if (!Object.hasOwn(before.labels, key)) return false;
    const owner = labelOwner(before, key);
    if (isSameOwner(owner, by) || !isThere(owner)) return false;
    conflicts.push({ key, owner });
    return true;
  };
  for (const [key, value] of Object.entries(change.set)) {
    // A person who applies what `get` printed claims nothing; for Git it is told before it matters.
    if (by === "api" && labels[key] === value) continue;
    if (isOthers(key)) continue;
    labels[key] = value;
    if (by === "api") delete labelOwners[key];
    else labelOwners[key] = by;
  }
  for (const key of change.remove) {
    if (isOthers(key)) continue;
    delete labels[key];
    delete labelOwners[key];
  }
  return { labels, labelOwners, conflicts };
}

/** As `changeLabels`, where what `by` says is all that it says: its other keys go. */
export function replaceLabels(
  before: OwnedLabels,
  by: Owner,
  set: Labels,
  isThere: (owner: Owner) => boolean,
): OwnedLabels & { readonly conflicts: readonly LabelConflict[] } {
  const remove = Object.keys(before.labels).filter(
    (key) => !Object.hasOwn(set, key) && isSameOwner(labelOwner(before, key), by),
  );
  return changeLabels(before, by, { set, remove }, isThere);
}

export function labelConflict(cluster: string, { key, owner }: LabelConflict, other: Owner): AppError {
  const message = `The label ${key} of cluster ${cluster} belongs to ${ownerName(owner)}, and ${ownerName(other)} cannot change it: a label has one owner. It stays as it is.`;
  const to = typeof other === "object" && "source" in other ? other.source : "api";
  return new AppError("conflict", message, {
    fix:
      owner === "api"
        ? `To let Git have it: muster handover cluster ${cluster} --to ${to}`
        : `Change it in Git. Or hand it over, and then take it out of Git: muster handover cluster ${cluster} --to ${to}`,
  });
}
