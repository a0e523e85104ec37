import { AppError } from "@muster/shared/errors.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import { changeDefinition } from "../../core/change-definition.ts";
import { appKey, appSetKey, projectKey, sourceKey, titleOf } from "../../core/documents/definition.ts";
import { isSameOwner, type Owner, ownerName } from "../../core/documents/owner.ts";
import { labelOwner, type OwnedLabels } from "../../core/own-labels.ts";
import type { HandOverRequest, HandOverResult } from "../../core/views.ts";
import type { Actor } from "../../ports/hub-commands.ts";
import type { RemovalBrake } from "../brake-removals.ts";
import type { DefinitionDeps } from "../definitions/write-definition.ts";
import { relabelCluster } from "./relabel-cluster.ts";

/**
 * What an owner holds and may not have, because it is another's: `app/storefront/shop`, `cluster/prod-eu-1/tier`. The
 * value is the item of an AppSet, or "".
 */
export type Claims = (owner: Owner) => ReadonlyMap<string, string>;

type Deps = DefinitionDeps & { readonly brake: Pick<RemovalBrake, "preview">; readonly claims: Claims };

/**
 * Gives a definition, or the labels of a Cluster, another owner; nothing else about it changes. Git and AppSets get only
 * what they hold: what they do not hold would be deleted by its absence. @throws AppError "not-found", "conflict".
 */
export async function handOver(deps: Deps, actor: Actor, request: HandOverRequest): Promise<HandOverResult> {
  const to: Owner = request.to === "api" ? "api" : "source" in request.to ? request.to : { ...request.to, item: "" };
  if (request.kind === "Cluster") return handOverLabels(deps, actor, request.name, to);
  const name = { project: request.project, name: request.name };
  const key = {
    App: appKey(name),
    Source: sourceKey(name),
    AppSet: appSetKey(name),
    Project: projectKey(request.name),
  }[request.kind];
  const what = `${request.kind} ${request.kind === "Project" ? request.name : formatApp(name)}`;
  let from: Owner = "api";
  await deps.state.definitions.write(key, (current) => {
    if (current === null || current.deleted) throw new AppError("not-found", `There is no ${what}.`);
    from = current.owner;
    if (isSameOwner(from, to)) return null;
    const item = to === "api" ? "" : claimed(deps, to, key, titleOf(current.definition));
    const owner: Owner = typeof to === "object" && "appSet" in to ? { ...to, item } : to;
    return changeDefinition(current, {
      definition: current.definition,
      owner,
      actor,
      now: deps.clock.now(),
      newId: deps.newId,
    });
  });
  return { what, from: ownerName(from), to: ownerName(to) };
}

function claimed({ claims }: Deps, to: Owner, key: string, title: string): string {
  const item = claims(to).get(key);
  if (item !== undefined) return item;
  throw new AppError(
    "conflict",
    `${ownerName(to)} does not hold ${title}, so it cannot have it. Nothing was changed.`,
    {
      fix: "Push the definition first; when the owner is told of the conflict, hand it over.",
    },
  );
}

/** To Git: the labels that the Source names. To the API: every label that is not its own. */
async function handOverLabels(deps: Deps, actor: Actor, name: string, to: Owner): Promise<HandOverResult> {
  const record = deps.state.clusterByName(name);
  if (record === null || record.revoked !== null) throw new AppError("not-found", `There is no cluster ${name}.`);
  if (typeof to === "object" && "appSet" in to) throw new AppError("invalid", "An AppSet makes Apps, and no labels.");
  const prefix = `cluster/${name}/`;
  const keys =
    to === "api"
      ? Object.keys(record.labelOwners)
      : [...deps.claims(to).keys()].flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
  if (keys.length === 0 && to !== "api") claimed(deps, to, prefix, `a label of cluster ${name}`);
  const from = new Set(keys.map((key) => ownerName(labelOwner(record, key))));
  const labelsOf = (current: OwnedLabels): OwnedLabels => {
    const labelOwners = { ...current.labelOwners };
    for (const key of keys) {
      if (to === "api") delete labelOwners[key];
      else if (Object.hasOwn(current.labels, key)) labelOwners[key] = to;
    }
    return { labels: current.labels, labelOwners };
  };
  await relabelCluster(deps, actor, record, labelsOf, { dryRun: false });
  const what = keys.length === 0 ? `Cluster ${name}` : `Cluster ${name} (${keys.sort().join(", ")})`;
  return { what, from: [...from].sort().join(", ") || ownerName(to), to: ownerName(to) };
}
