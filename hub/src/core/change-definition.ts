import type { Instant } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { AppUid } from "@muster/shared/model/ids.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import type { AuditEntry } from "./documents/audit-entry.ts";
import { formatDefinition, type OwnedDefinition, type StoredDefinition, titleOf } from "./documents/definition.ts";
import { isSameOwner, type Owner, ownerName } from "./documents/owner.ts";

type Actor = AuditEntry["actor"];

export interface DefinitionChange {
  readonly definition: OwnedDefinition;
  readonly owner: Owner;
  readonly actor: Actor;
  readonly now: Instant;
  /** Of a document that is new. */
  readonly newId: () => string;
}

/**
 * The document after a change of its definition or owner; null when it has both already. What is `deleted` counts as
 * not there: made again, it is another document, which shares nothing with the one before but its name.
 */
export function changeDefinition(current: StoredDefinition | null, change: DefinitionChange): StoredDefinition | null {
  const { definition, owner, actor, now } = change;
  const isThere = current !== null && !current.deleted;
  const isSame = isThere && isEqual(current.definition, definition);
  if (isSame && JSON.stringify(current.owner) === JSON.stringify(owner)) return null;
  const changes = (current?.changes ?? 0) + 1;
  const uid = isThere ? current.uid : change.newId();
  const what = formatDefinition({ kind: definition.kind, definition } as StoredDefinition);
  const from = isThere && !isSameOwner(current.owner, owner) ? `, handed over by ${ownerName(current.owner)}` : "";
  const by = owner === "api" ? "" : ` by ${ownerName(owner)}`;
  const entry: AuditEntry = {
    id: `definition.${uid}.${changes}`,
    at: now,
    actor,
    action: isSame ? "DefinitionHandedOver" : isThere ? "DefinitionChanged" : "DefinitionCreated",
    subject: what,
    detail: `${isThere ? "changed" : "created"} ${titleOf(definition)}${by}${from}`,
  };
  const common = {
    owner,
    changes,
    created: isThere ? current.created : now,
    changed: now,
    deleted: false,
    audit: [...(current?.audit ?? []), entry],
  };
  switch (definition.kind) {
    case "App":
      return { kind: "App", uid: uid as AppUid, definition, ...common };
    case "Source":
      return { kind: "Source", uid, definition, ...common };
    case "AppSet":
      return { kind: "AppSet", uid, definition, ...common };
    case "Project":
      return { kind: "Project", uid, definition, ...common };
  }
}

/** The document as deleted: it goes once its audit entries are drained. */
export function deleteDefinition(
  current: StoredDefinition,
  { actor, now }: { actor: Actor; now: Instant },
): StoredDefinition {
  const changes = current.changes + 1;
  const what = formatDefinition(current);
  const id = `definition.${current.uid}.${changes}`;
  const entry = { id, at: now, actor, action: "DefinitionDeleted", subject: what, detail: `deleted ${what}` };
  return { ...current, deleted: true, changes, changed: now, audit: [...current.audit, entry] };
}

/** Two owners of one document, told to the one that came second. */
export function ownerConflict(current: StoredDefinition, other: Owner, isHolderThere: boolean): AppError {
  const title = titleOf(current.definition);
  const holder = ownerName(current.owner);
  const message = `${title} belongs to ${holder}, and ${ownerName(other)} cannot change it: a definition has one owner. It stays as ${holder} says.`;
  return new AppError("conflict", message, { fix: handOverFix(current, other, isHolderThere) });
}

function handOverFix(current: StoredDefinition, other: Owner, isHolderThere: boolean): string {
  const what = formatDefinition(current);
  if (other !== "api") {
    if ("appSet" in other) return `Delete it, or let the template of ${ownerName(other)} give another name.`;
    return current.owner !== "api" && isHolderThere
      ? `Take it out of one of the two. To keep it here: muster handover ${what} --to ${other.source}`
      : `To let Git have it: muster handover ${what} --to ${other.source}`;
  }
  if (!isHolderThere)
    return `${ownerName(current.owner)} does not hold it any more. Take it over: muster apply --take-over`;
  return current.owner !== "api" && "appSet" in current.owner
    ? `Change the template of ${ownerName(current.owner)}, or what it is made for.`
    : `Change it in Git. Or hand it over, and then take it out of Git: muster handover ${what} --to api`;
}

/** Both went through the same schema, so equal content has equal text but for the order in which labels were written. */
const isEqual = (one: unknown, other: unknown): boolean => stableJson(one) === stableJson(other);
