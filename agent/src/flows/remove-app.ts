import { isAppError } from "@muster/shared/errors.ts";
import type { RemovalLimit } from "@muster/shared/model/assignment.ts";
import { formatObject, type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { settleInventory } from "../core/inventory.ts";
import { limitRemoval } from "../core/limit-removal.ts";
import { judgeOwnership, PRUNE_ANNOTATION } from "../core/ownership.ts";
import type { LiveKnowledge } from "../core/plan-apply.ts";
import { planPrune } from "../core/plan-prune.ts";
import { problemOf } from "../core/problem-of.ts";
import type { AppEntry } from "./app-book.ts";
import { pruneGroups } from "./apply-bundle.ts";
import { forEachLimited } from "./limited.ts";
import { RetryLater, type RunDeps, waitForSuccessor } from "./run-app.ts";

/**
 * Carries out a tombstone: deletes what the inventory names, last applied first, and is done when it is really gone.
 * Protected kinds and objects that are told to stay do stay.
 */
export async function removeApp(
  deps: Omit<RunDeps, "bundles" | "noteKinds" | "aside">,
  entry: AppEntry,
  content: { readonly action: "delete" | "keep"; readonly removal?: RemovalLimit | undefined },
  opts: { readonly isInherited: boolean; readonly lost: AbortSignal },
): Promise<void> {
  const { assignment } = entry;
  const superseded = entry.superseded.signal;
  // The mark first: from here on nothing older brings the App back.
  await deps.persist(entry);
  if (content.action === "keep" || opts.isInherited || entry.assignment !== assignment) return;
  entry.phase = "Pruning";
  deps.changed(entry, "progress");

  // Renamed: the new App first takes what it wants, so that nothing is deleted only to be made again.
  const successor = deps.successorOf(entry);
  if (successor !== null) {
    entry.problems = waitForSuccessor(successor);
    if (entry.problems.length > 0) deps.changed(entry, "verdict");
    throw new RetryLater();
  }
  const live = deps.claims.settle(await look(deps, entry), entry.owner, { watch: deps.watch });
  if (live === null) throw new RetryLater();
  const planned = planPrune({ entries: entry.record.inventory, live, wantedUids: new Set(), keepAll: null });
  const { groups, problem } = limitRemoval(planned, content.removal);
  // An App that was placed again meanwhile keeps what is not deleted yet.
  if (entry.assignment !== assignment) return;
  if (problem !== null) return refuseRemoval(deps, entry, groups, problem);
  const letGo = deps.claims.take({ groups: [], prune: groups }, entry.owner);
  const signals = { lost: opts.lost, superseded, actAs: entry.record.actsAs };
  const pruned = await pruneGroups(deps, groups, signals).finally(letGo);
  entry.retained = groups.flat().flatMap((step) => (step.kind === "retain" ? [step] : []));
  entry.problems = [
    ...pruned.problems,
    ...[...live].flatMap(([, known]) => (known.kind === "unreadable" ? [known.problem] : [])),
  ];
  const ending = await stillThere(deps, pruned.deleted, live);
  const gone = new Set([...pruned.gone].filter((key) => !ending.has(key)));
  const deleted = new Set([...entry.ending, ...pruned.deleted.map(objectKey)]);
  for (const key of gone) if (deleted.delete(key)) entry.pruned += 1;
  entry.ending = deleted;
  entry.record = {
    ...entry.record,
    inventory: [...settleInventory(entry.record.inventory, { uids: new Map(), gone })],
  };
  for (const key of gone) entry.objects.delete(key);
  if (entry.assignment !== assignment || (entry.problems.length === 0 && ending.size === 0)) return;
  if (ending.size > 0) {
    const [first] = ending.values();
    deps.log.info({ left: ending.size, first: first && formatObject(first) }, "waiting for deleted objects to be gone");
  }
  if (entry.problems.length > 0) entry.phase = "Failed";
  deps.changed(entry, entry.problems.length > 0 ? "verdict" : "progress");
  await deps.persist(entry);
  throw new RetryLater();
}

/** Nothing is deleted and nothing forgotten; an assignment that a person approved comes above this one. */
async function refuseRemoval(
  deps: Pick<RunDeps, "changed" | "persist">,
  entry: AppEntry,
  groups: ReturnType<typeof planPrune>,
  problem: Problem,
): Promise<never> {
  entry.retained = groups.flat().flatMap((step) => (step.kind === "retain" ? [step] : []));
  entry.problems = [problem];
  entry.phase = "Failed";
  deps.changed(entry, "verdict");
  await deps.persist(entry);
  throw new RetryLater();
}

async function look(deps: Pick<RunDeps, "cluster">, entry: AppEntry): Promise<ReadonlyMap<string, LiveKnowledge>> {
  const live = new Map<string, LiveKnowledge>();
  await forEachLimited(entry.record.inventory, 16, async ({ ref, uid }) => {
    const key = objectKey(ref);
    try {
      const found = await deps.cluster.get(ref);
      if (found === null) {
        live.set(key, { kind: "absent" });
        return;
      }
      const prune = found.metadata.annotations?.[PRUNE_ANNOTATION];
      live.set(key, {
        kind: "present",
        uid: found.metadata.uid,
        ownership: judgeOwnership(found, entry.owner, uid),
        ...(prune === undefined ? {} : { prune }),
        body: "unknown",
        drift: [],
      });
    } catch (error) {
      if (isAppError(error, "unavailable") || isAppError(error, "cancelled")) throw error;
      if (isAppError(error, "unsupported")) live.set(key, { kind: "absent" });
      else live.set(key, { kind: "unreadable", problem: problemOf(error, ref) });
    }
  });
  return live;
}

/** Deleted objects that finalizers still hold. */
async function stillThere(
  deps: Pick<RunDeps, "cluster">,
  deleted: readonly ObjectRef[],
  live: ReadonlyMap<string, LiveKnowledge>,
): Promise<ReadonlyMap<string, ObjectRef>> {
  const there = new Map<string, ObjectRef>();
  await forEachLimited(deleted, 16, async (ref) => {
    const key = objectKey(ref);
    const before = live.get(key);
    const found = await deps.cluster.get(ref).catch((error) => {
      if (isAppError(error, "unsupported")) return null;
      throw error;
    });
    if (found !== null && before?.kind === "present" && found.metadata.uid === before.uid) there.set(key, ref);
  });
  return there;
}
