import { type AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { changeDefinition } from "../../core/change-definition.ts";
import { problemAt, type WrittenDefinition } from "../../core/definitions/parse-file.ts";
import type { ClusterLabels, DefinitionPlan, OwnedWrite } from "../../core/definitions/plan-definitions.ts";
import { definitionKey, formatDefinition, type StoredDefinition } from "../../core/documents/definition.ts";
import { isSameOwner, type Owner } from "../../core/documents/owner.ts";
import { type LabelConflict, labelConflict, type OwnedLabels, replaceLabels } from "../../core/own-labels.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { RemovalBrake } from "../brake-removals.ts";
import { refuseUsedProject } from "../commands/refuse-used-project.ts";
import { relabelCluster } from "../commands/relabel-cluster.ts";
import { inGroups } from "./in-groups.ts";
import {
  type DefinitionDeps,
  deleteAppAs,
  deleteDefinitionAs,
  isOwnerThere,
  writeDefinition,
} from "./write-definition.ts";

export interface CarriedOut {
  readonly problems: readonly Problem[];
  /** Keys of what is another owner's. */
  readonly claims: ReadonlyMap<string, string>;
}

type Deps = DefinitionDeps & {
  readonly brake: Pick<RemovalBrake, "preview">;
  readonly by: { readonly actor: Actor; readonly owner: Owner };
};

/**
 * Stores what a plan says, kind by kind, and deletes last. What another owner has is told and left alone, as is what a
 * conflict of the moment keeps. @throws what the store throws; everything may be done again.
 */
export async function carryOut(deps: Deps, plan: DefinitionPlan, signal: AbortSignal): Promise<CarriedOut> {
  const problems: Problem[] = [];
  const claims = new Map<string, string>();
  const writes = Map.groupBy(plan.writes, ({ definition }) => definition.kind);
  for (const group of writes.values()) {
    await inGroups(group, signal, async (write) => {
      const problem = await store(deps, write, claims);
      if (problem !== null) problems.push(problem);
    });
  }
  await inGroups(plan.labels, signal, async (labels) => {
    problems.push(...(await relabel(deps, labels, claims)));
  });
  await inGroups(plan.handBacks, signal, (stored) => handBack(deps, stored));
  await inGroups(plan.handBackLabels, signal, (cluster) => handBackLabels(deps, cluster));
  const deletions = Map.groupBy(plan.deletions, ({ kind }) => kind);
  for (const group of deletions.values()) {
    await inGroups(group, signal, async (stored) => {
      const problem = await remove(deps, stored);
      if (problem !== null) problems.push(problem);
    });
  }
  return { problems, claims };
}

async function store(
  deps: Deps,
  { written, definition }: OwnedWrite,
  claims: Map<string, string>,
): Promise<Problem | null> {
  try {
    await writeDefinition(deps, deps.by, definition);
    return null;
  } catch (error) {
    if (isAppError(error, "conflict") && error.fix !== undefined) {
      claims.set(definitionKey(definition), "");
      return problemFor(written, "OwnerConflict", error);
    }
    if (isAppError(error, "invalid") || isAppError(error, "too-large"))
      return problemFor(written, "DefinitionInvalid", error);
    throw error;
  }
}

const problemFor = (written: WrittenDefinition, code: Problem["code"], { message, fix }: AppError): Problem =>
  problemAt(written, { code, message, ...(fix === undefined ? {} : { fix }) });

async function relabel(
  deps: Deps,
  { cluster, labels: set, written }: ClusterLabels,
  claims: Map<string, string>,
): Promise<readonly Problem[]> {
  const { state, by } = deps;
  const record = state.clusterByName(cluster);
  if (record === null || record.revoked !== null) {
    if (written === null) return [];
    const message = "no cluster of this name is registered. Its labels wait until there is one.";
    const fix = `A cluster joins by registering it: muster cluster register ${cluster}`;
    return [problemAt(written, { code: "ClusterNotRegistered", message, fix })];
  }
  let conflicts: readonly LabelConflict[] = [];
  const labelsOf = (current: OwnedLabels): OwnedLabels => {
    const { conflicts: found, ...next } = replaceLabels(current, by.owner, set, (owner) => isOwnerThere(state, owner));
    conflicts = found;
    return next;
  };
  await relabelCluster(deps, by.actor, record, labelsOf, { dryRun: false });
  return conflicts.flatMap((conflict) => {
    claims.set(`cluster/${cluster}/${conflict.key}`, "");
    if (written === null) return [];
    const { message, fix = "" } = labelConflict(cluster, conflict, by.owner);
    return [problemAt(written, { code: "OwnerConflict", message, field: "metadata.labels", fix })];
  });
}

async function handBack({ state, clock, newId, by }: Deps, stored: StoredDefinition): Promise<void> {
  await state.definitions.write(definitionKey(stored.definition), (current) => {
    if (current === null || current.deleted || !isSameOwner(current.owner, by.owner)) return null;
    return changeDefinition(current, {
      definition: current.definition,
      owner: "api",
      actor: by.actor,
      now: clock.now(),
      newId,
    });
  });
}

async function handBackLabels(deps: Deps, cluster: string): Promise<void> {
  const record = deps.state.clusterByName(cluster);
  if (record === null) return;
  const labelsOf = ({ labels, labelOwners }: OwnedLabels): OwnedLabels => ({
    labels,
    labelOwners: Object.fromEntries(
      Object.entries(labelOwners).filter(([, owner]) => !isSameOwner(owner, deps.by.owner)),
    ),
  });
  await relabelCluster(deps, deps.by.actor, record, labelsOf, { dryRun: false });
}

/** Only what is still this owner's, as it was when the plan was made. */
async function remove(deps: Deps, planned: StoredDefinition): Promise<Problem | null> {
  const { state, by } = deps;
  const key = definitionKey(planned.definition);
  const stored = state.definitions.get(key);
  if (stored === null || stored.deleted || stored.uid !== planned.uid || !isSameOwner(stored.owner, by.owner))
    return null;
  try {
    if (stored.kind === "Project") refuseUsedProject(state, stored);
    if (stored.kind === "App") await deleteAppAs(deps, by, stored);
    else await deleteDefinitionAs(deps, by, key, stored.uid);
    return null;
  } catch (error) {
    if (!isAppError(error, "conflict") || error.fix === undefined) throw error;
    const message = `${formatDefinition(stored)} is not deleted: ${messageOf(error)}`;
    return { code: "DefinitionKept", message, where: {}, fix: error.fix };
  }
}
