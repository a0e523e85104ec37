import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { Assignment } from "@muster/shared/model/assignment.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import { formatObject, objectKey } from "@muster/shared/model/object-ref.ts";
import { sameInventory, settleInventory, unionInventory } from "../core/inventory.ts";
import { limitRemoval } from "../core/limit-removal.ts";
import { type ApplyPlan, planApply } from "../core/plan-apply.ts";
import type { ClusterApi, ResourceKind } from "../ports/cluster-api.ts";
import { type AppEntry, digestOf } from "./app-book.ts";
import { applyGroups, createNamespace, pruneGroups } from "./apply-bundle.ts";
import type { Claims } from "./claim-objects.ts";
import type { BundleSource } from "./fetch-bundle.ts";
import { addState, gatherLive, newKinds, type PlacedObject, placeObjects, type UnplacedObject } from "./gather-live.ts";
import { findPresentDrift, nextHeal, recordHealed, recordLeft } from "./heal-drift.ts";
import type { Aside } from "./keyed-queue.ts";
import type { LiveWatch } from "./watch-drift.ts";

export interface RunDeps {
  readonly cluster: ClusterApi;
  readonly watch: LiveWatch;
  readonly claims: Claims;
  readonly bundles: BundleSource;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Writes the entry's record if the state does not hold it already. */
  readonly persist: (entry: AppEntry) => Promise<void>;
  /** The App's report changed. */
  readonly changed: (entry: AppEntry, urgency: "verdict" | "progress") => void;
  /** For waiting on the hub: an App whose bundle does not come keeps nobody else from being worked on. */
  readonly aside: Aside;
  /** Kinds of which objects were or are about to be applied. */
  readonly noteKinds: (kinds: Parameters<LiveWatch["watchKinds"]>[0]) => void;
}

type Run = Extract<Assignment["content"], { kind: "run" }>;

/** Bundles of earlier releases that are kept in the cluster. */
const recentDigestsMax = 3;

/**
 * Brings one App to what its assignment says: gather, plan, persist, apply, prune, persist. The record is stored before
 * the first apply, so whatever dies in between, nothing is applied that the inventory does not name.
 * Returns when to look again although nothing happened, or null.
 */
export async function runApp(deps: RunDeps, entry: AppEntry, content: Run, lost: AbortSignal): Promise<number | null> {
  const { assignment } = entry;
  const superseded = entry.superseded.signal;
  const { digest } = content.bundle;
  const isNew = entry.done !== assignment;
  if (isNew) show(deps, entry, "Pending", "progress");

  // The mark is stored while the bundle is on its way; nothing is applied before both are there.
  const marked = deps.persist(entry);
  marked.catch(() => {});
  const bundle = await deps.bundles.get(
    { digest, bytes: content.bundle.bytes, owner: entry.owner },
    { signal: AbortSignal.any([lost, superseded]), aside: deps.aside },
  );
  const { placed, kinds, unplaced } = await placeObjects(deps.cluster, bundle, content.destination.namespace);
  const byKey = new Map(placed.map((object) => [objectKey(object.ref), object]));
  deps.noteKinds(kinds);

  const isApplied = entry.record.appliedDigest === digest;
  const found = await gatherLive(deps, entry, placed, isApplied);
  await marked;
  const now = deps.clock.now();
  const live = deps.claims.settle(found, entry.owner, deps.watch);
  const plan = planApply({
    app: entry.owner.app,
    objects: placed,
    inventory: entry.record.inventory,
    live,
    sync: content.sync,
    createNamespace: namespaceToMake(content, byKey),
    healNotBefore: new Map([...entry.objects].flatMap(([key, { heals }]) => (heals ? [[key, heals.notBefore]] : []))),
    isApplied,
    now,
  });
  if (superseded.aborted || entry.assignment !== assignment) return null;
  const present = findPresentDrift(plan, live);
  if (content.sync.drift !== "off") recordLeft(entry, plan, present, now);
  const letGo = deps.claims.take(plan, entry.owner);
  try {
    return await carryOut(
      deps,
      entry,
      { plan, present, byKey, unplaced, kinds, isApplied, isNew },
      { lost, superseded },
    );
  } finally {
    letGo();
  }
}

interface Planned {
  readonly plan: ApplyPlan;
  readonly present: ReturnType<typeof findPresentDrift>;
  readonly byKey: ReadonlyMap<string, PlacedObject>;
  readonly unplaced: readonly UnplacedObject[];
  readonly kinds: readonly ResourceKind[];
  readonly isApplied: boolean;
  readonly isNew: boolean;
}

async function carryOut(
  deps: RunDeps,
  entry: AppEntry,
  { plan, present, byKey, unplaced, kinds, isApplied, isNew }: Planned,
  { lost, superseded }: { readonly lost: AbortSignal; readonly superseded: AbortSignal },
): Promise<number | null> {
  const { assignment } = entry;
  const digest = digestOf(assignment);
  const limit = assignment.content.kind === "run" ? assignment.content.removal : undefined;
  await persistUnion(deps, entry, plan, isApplied);
  if (entry.assignment !== assignment) return null;
  forgetOthers(entry, byKey, unplaced);
  const writes = plan.groups.flat().some((step) => step.kind === "apply");
  if (writes && !isApplied) show(deps, entry, "Applying", "progress");
  if (plan.createNamespace !== null) await createNamespace(deps.cluster, plan.createNamespace);
  if (entry.assignment !== assignment) return null;
  const outcome = await applyGroups(deps, entry, plan, byKey, { lost, superseded });
  const healed = recordHealed(entry, plan, present, deps.clock.now(), (before) =>
    nextHeal(before, deps.clock.now(), deps.random),
  );
  // Without the values, which are told by the report: a log is kept longer and read by more.
  for (const { object, field, manager } of healed) {
    deps.log.info({ object: formatObject(object), field, manager }, "drift healed");
  }
  // What the bundle itself defined is known by now, and is to be watched like everything else; what left it, too.
  const watched = [...byKey.values(), ...plan.prune.flat()].map(({ ref }) => ref);
  deps.noteKinds(await newKinds(deps.cluster, watched, kinds));
  if (outcome.isSuperseded || entry.assignment !== assignment) return null;

  const isAccepted = outcome.isAccepted && unplaced.length === 0;
  const gone = new Set<string>();
  let isPruned = true;
  if (isAccepted) {
    // Prune after apply: a rename must never leave a gap in serving.
    const { groups: prune, problem } = limitRemoval(plan.prune, limit);
    if (prune.flat().some((step) => step.kind === "prune")) show(deps, entry, "Pruning", "progress");
    const pruned = await pruneGroups(deps, prune, { lost, superseded });
    if (entry.assignment !== assignment) return null;
    for (const key of pruned.gone) gone.add(key);
    entry.pruned += pruned.deleted.length;
    isPruned = pruned.problems.length === 0;
    // What waits for a person does not make the bundle any less applied.
    entry.problems = problem === null ? pruned.problems : [problem, ...pruned.problems];
    entry.retained = prune.flat().flatMap((step) => (step.kind === "retain" ? [step] : []));
  } else entry.problems = [];
  const isDone = isAccepted && isPruned;
  settle(entry, { gone, digest: isDone ? digest : null, byKey });
  if (isDone) entry.done = assignment;
  show(deps, entry, isDone ? "Applied" : "Failed", "verdict");
  await deps.persist(entry);
  if (isDone && isNew && digest !== null) {
    deps.log.info({ digest, applied: byKey.size, pruned: gone.size }, "bundle applied");
    storeBundle(deps, digest);
  }
  if (!isDone) throw new RetryLater();
  return plan.recheckAt;
}

/** The attempt ended with a verdict that was reported; it is tried again after a while. */
export class RetryLater extends Error {}

async function persistUnion(deps: RunDeps, entry: AppEntry, plan: ApplyPlan, isApplied: boolean): Promise<void> {
  const owned = plan.groups.flat().flatMap((step) => (step.kind === "refuse" ? [] : [step.ref]));
  const inventory = unionInventory(entry.record.inventory, owned);
  // A bundle that goes to another namespace has objects that were never applied: absent, they are not deleted ones.
  const isStillApplied = isApplied && inventory.length === entry.record.inventory.length;
  if (!sameInventory(entry.record.inventory, inventory) || (!isStillApplied && entry.record.appliedDigest !== null)) {
    entry.record = {
      ...entry.record,
      inventory: [...inventory],
      appliedDigest: isStillApplied ? entry.record.appliedDigest : null,
    };
  }
  await deps.persist(entry);
}

/** One that the bundle holds itself is applied, and owned, like everything else in it. */
function namespaceToMake({ destination }: Run, byKey: ReadonlyMap<string, PlacedObject>): string | null {
  const { namespace, createNamespace } = destination;
  const ref = { apiVersion: "v1", kind: "Namespace", namespace: "", name: namespace };
  return createNamespace && !byKey.has(objectKey(ref)) ? namespace : null;
}

/** Only what the bundle holds, and why some of it cannot be applied at all, is told from here on. */
function forgetOthers(
  entry: AppEntry,
  byKey: ReadonlyMap<string, PlacedObject>,
  unplaced: readonly UnplacedObject[],
): void {
  const unplacedKeys = new Set(unplaced.map(({ ref }) => objectKey(ref)));
  for (const key of entry.objects.keys()) if (!byKey.has(key) && !unplacedKeys.has(key)) entry.objects.delete(key);
  for (const { ref, problem } of unplaced) {
    const state = entry.objects.get(objectKey(ref)) ?? addState(entry, ref);
    state.sync = "OutOfSync";
    state.problem = problem;
    state.health = { state: "Missing", message: problem.message };
  }
}

function settle(
  entry: AppEntry,
  done: { gone: ReadonlySet<string>; digest: Digest | null; byKey: ReadonlyMap<string, PlacedObject> },
): void {
  const uids = new Map<string, string>();
  for (const [key, { uid }] of entry.objects) if (uid !== null) uids.set(key, uid);
  const inventory = settleInventory(entry.record.inventory, { uids, gone: done.gone });
  const { recentDigests } = entry.record;
  entry.record = {
    ...entry.record,
    inventory: [...inventory],
    appliedDigest: done.digest ?? entry.record.appliedDigest,
    recentDigests:
      done.digest === null || recentDigests[0] === done.digest
        ? recentDigests
        : [done.digest, ...recentDigests.filter((other) => other !== done.digest)].slice(0, recentDigestsMax),
  };
}

function show(deps: RunDeps, entry: AppEntry, phase: AppEntry["phase"], urgency: "verdict" | "progress"): void {
  entry.phase = phase;
  deps.changed(entry, urgency);
}

/** In the background: what was applied is reported first. */
function storeBundle(deps: RunDeps, digest: Digest): void {
  deps.bundles.store(digest).catch((error) => {
    if (isAppError(error, "cancelled")) return;
    deps.log.warn({ digest, err: error }, "bundle not stored in the cluster; a restart without the hub would lack it");
  });
}
