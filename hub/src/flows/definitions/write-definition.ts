import type { Clock } from "@muster/shared/clock.ts";
import { changeDefinition, deleteDefinition, ownerConflict } from "../../core/change-definition.ts";
import {
  appKey,
  definitionKey,
  nameOf,
  type OwnedDefinition,
  type StoredApp,
  type StoredDefinition,
} from "../../core/documents/definition.ts";
import { newIntent } from "../../core/documents/intent.ts";
import { isSameOwner, type Owner } from "../../core/documents/owner.ts";
import { deleteApp } from "../../core/rollback.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { HubState } from "../hub-state.ts";

export type DefinitionOutcome = "created" | "changed" | "unchanged";

export interface DefinitionDeps {
  readonly state: HubState;
  readonly clock: Clock;
  readonly newId: () => string;
}

/**
 * Stores one definition for its owner, in one durable write with its audit entry. `takeOver` takes it from an owner
 * that does not hold it any more. @throws AppError "conflict" when it is another owner's; then nothing is written.
 */
export async function writeDefinition(
  { state, clock, newId }: DefinitionDeps,
  by: { readonly actor: Actor; readonly owner: Owner },
  definition: OwnedDefinition,
  { dryRun = false, takeOver = false }: { dryRun?: boolean; takeOver?: boolean } = {},
): Promise<DefinitionOutcome> {
  let outcome: DefinitionOutcome = "unchanged";
  const key = definitionKey(definition);
  await writeOrTry(state, key, dryRun, (current) => {
    refuseOtherOwner(state, current, by.owner, { takeOver });
    const isThere = current !== null && !current.deleted;
    const next = changeDefinition(current, { ...by, definition, now: clock.now(), newId });
    outcome = next === null ? "unchanged" : isThere ? "changed" : "created";
    return next;
  });
  return outcome;
}

/** @throws AppError "conflict" when the document is another owner's, and not one that may be taken over. */
export function refuseOtherOwner(
  state: HubState,
  current: StoredDefinition | null,
  owner: Owner,
  { takeOver = false }: { takeOver?: boolean } = {},
): void {
  if (current === null || current.deleted || isSameOwner(current.owner, owner)) return;
  const isHeld = isOwnerThere(state, current.owner);
  if (isHeld || !takeOver) throw ownerConflict(current, owner, isHeld);
}

async function writeOrTry(
  { definitions }: HubState,
  key: string,
  dryRun: boolean,
  change: Parameters<HubState["definitions"]["write"]>[1],
): Promise<void> {
  if (dryRun) change(definitions.get(key));
  else await definitions.write(key, change);
}

/**
 * Deletes an App as its owner. The intent first: it is what tombstones come from, once the brake lets them. Killed
 * before the second write, the planner makes up for it. Does nothing to an App that was made anew meanwhile.
 */
export async function deleteAppAs(
  { state, clock }: Pick<DefinitionDeps, "state" | "clock">,
  by: { readonly actor: Actor; readonly action?: "delete" | "keep" },
  stored: StoredApp,
): Promise<void> {
  const { actor, action = stored.definition.spec.onUnplaced.action } = by;
  const name = nameOf(stored);
  await state.intents.write(stored.uid, (current) => {
    const intent = current ?? newIntent({ uid: stored.uid, ...name }, { term: 0, epoch: state.epoch });
    return deleteApp(intent, { action, actor, now: clock.now() });
  });
  await deleteDefinitionAs({ state, clock }, { actor }, appKey(name), stored.uid);
}

/** Marks a definition other than an App as deleted, if it still is the one with this uid. */
export async function deleteDefinitionAs(
  { state, clock }: Pick<DefinitionDeps, "state" | "clock">,
  { actor }: { readonly actor: Actor },
  key: string,
  uid: string,
): Promise<void> {
  await state.definitions.write(key, (current) =>
    current === null || current.deleted || current.uid !== uid
      ? null
      : deleteDefinition(current, { actor, now: clock.now() }),
  );
}

/** Whether an owner is there to hold what it owns: the API always is. */
export function isOwnerThere(state: HubState, owner: Owner): boolean {
  if (owner === "api") return true;
  const [project = "", name = ""] = ("source" in owner ? owner.source : owner.appSet).split("/");
  if ("source" in owner) return state.source({ project, name })?.definition.spec.definitions !== undefined;
  return state.appSet({ project, name }) !== null;
}
