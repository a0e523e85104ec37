import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { Assignment } from "@muster/shared/model/assignment.ts";
import { type Digest, formatApp } from "@muster/shared/model/ids.ts";
import { formatObject, objectKey } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { sameInventory, settleInventory, unionInventory } from "../core/inventory.ts";
import { judgePolicy } from "../core/judge-policy.ts";
import { limitRemoval } from "../core/limit-removal.ts";
import { type ApplyPlan, type LiveKnowledge, planApply } from "../core/plan-apply.ts";
import type { ClusterApi, ResourceKind } from "../ports/cluster-api.ts";
import { type AppEntry, digestOf, takenFrom } from "./app-book.ts";
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
  readonly successorOf: (entry: AppEntry) => AppEntry | null;
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
  const forbidden = judgePolicy(content, entry.owner.app, [...placed, ...unplaced]);
  if (entry.assignment !== assignment) return null;
  if (forbidden.length > 0) return refuseAll(deps, entry, { problems: forbidden, marked });
  deps.noteKinds(kinds);

  const isApplied = entry.record.appliedDigest === digest;
  const refs = placed.map(({ ref }) => ref);
  const withdraw = isApplied ? () => {} : deps.claims.announce(entry.owner, entry.order, refs);
  try {
    const found = await gatherLive(deps, entry, placed, isApplied);
    await marked;
    const gathered = { assignment, content, placed, kinds, unplaced, found, isApplied, isNew };
    return await planAndCarryOut(deps, entry, gathered, { lost, superseded });
  } finally {
    withdraw();
  }
}

interface Gathered {
  /** That it was gathered for: another may have come into force since. */
  readonly assignment: Assignment;
  readonly content: Run;
  readonly placed: readonly PlacedObject[];
  readonly kinds: readonly ResourceKind[];
  readonly unplaced: readonly UnplacedObject[];
  readonly found: ReadonlyMap<string, LiveKnowledge>;
  readonly isApplied: boolean;
  readonly isNew: boolean;
}

async function planAndCarryOut(
  deps: RunDeps,
  entry: AppEntry,
  { assignment, content, placed, kinds, unplaced, found, isApplied, isNew }: Gathered,
  { lost, superseded }: { readonly lost: AbortSignal; readonly superseded: AbortSignal },
): Promise<number | null> {
  const byKey = new Map(placed.map((object) => [objectKey(object.ref), object]));
  const now = deps.clock.now();
  const takesOver = takenFrom(entry);
  const live = deps.claims.settle(found, entry.owner, { watch: deps.watch, takesOver });
  if (live === null) throw new RetryLater();
  const plan = planApply({
    app: entry.owner.app,
    objects: placed,
    inventory: entry.record.inventory,
    live,
    sync: content.sync,
    createNamespace: namespaceToMake(content, byKey),
    healNotBefore: new Map([...entry.objects].flatMap(([key, { heals }]) => (heals ? [[key, heals.notBefore]] : []))),
    isApplied,
    takesOver,
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
      { plan, live, present, byKey, unplaced, kinds, isApplied, isNew },
      { lost, superseded },
    );
  } finally {
    letGo();
  }
}

/** What the Project forbids is not begun: what runs stays as it is, until another assignment comes. */
async function refuseAll(
  deps: RunDeps,
  entry: AppEntry,
  { problems, marked }: { readonly problems: readonly Problem[]; readonly marked: Promise<void> },
): Promise<never> {
  const { assignment } = entry;
  await marked;
  if (entry.assignment !== assignment) throw new RetryLater();
  entry.problems = problems;
  show(deps, entry, "Failed", "verdict");
  throw new RetryLater();
}

interface Planned {
  readonly plan: ApplyPlan;
  readonly live: ReadonlyMap<string, LiveKnowledge>;
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
  { plan, live, present, byKey, unplaced, kinds, isApplied, isNew }: Planned,
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
  // What another App owns is its own to delete; what was taken over just now is not another's any more.
  const refused = plan.groups.flat().flatMap((step) => (step.kind === "refuse" ? [objectKey(step.ref)] : []));
  const gone = new Set(refused.filter((key) => isOthers(live.get(key))));
  let isPruned = true;
  const successor = plan.prune.flat().some((step) => step.kind === "prune") ? deps.successorOf(entry) : null;
  if (isAccepted && successor !== null) {
    isPruned = false;
    entry.problems = waitForSuccessor(successor);
  } else if (isAccepted) {
    // Prune after apply: a rename must never leave a gap in serving.
    const { groups: prune, problem } = limitRemoval(plan.prune, limit);
    if (prune.flat().some((step) => step.kind === "prune")) show(deps, entry, "Pruning", "progress");
    const pruned = await pruneGroups(deps, prune, { lost, superseded, actAs: entry.record.actsAs });
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
  const isWaiting = isAccepted && successor !== null && entry.problems.length === 0;
  if (isWaiting) show(deps, entry, "Pruning", "progress");
  else show(deps, entry, isDone ? "Applied" : "Failed", "verdict");
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
  const owned = plan.groups
    .flat()
    .flatMap((step) => (step.kind === "refuse" || step.kind === "withhold" ? [] : [step.ref]));
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
  const { content } = entry.assignment;
  const account = content.kind === "run" ? content.policy?.serviceAccount : undefined;
  const isWritten = plan.groups.flat().some((step) => step.kind === "apply");
  if (content.kind === "run" && (isWritten || owned.length > 0)) {
    const actsAs = account === undefined ? undefined : { namespace: content.destination.namespace, name: account };
    const known = entry.record.actsAs;
    if (known?.name !== actsAs?.name || known?.namespace !== actsAs?.namespace) {
      const { actsAs: _, ...rest } = entry.record;
      entry.record = actsAs === undefined ? rest : { ...rest, actsAs };
    }
  }
  await deps.persist(entry);
}

/** Known of the object itself: one that is only being made may never come to be. */
const isOthers = (known: LiveKnowledge | undefined): boolean =>
  known?.kind === "present" && known.uid !== "" && known.ownership.kind === "other-app";

/** The objects that leave stay until the App that takes over has what it wants. Told only when that may never be. */
export function waitForSuccessor({ owner, phase }: AppEntry): readonly Problem[] {
  if (phase !== "Failed") return [];
  const app = formatApp(owner.app);
  return [
    {
      code: "NotOwned",
      message: `What leaves stays in the cluster until ${app}, which takes over from this App, is applied; that fails.`,
      where: {},
      fix: `Mend ${app}, or take this App out of its spec.takesOverFrom.`,
    },
  ];
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
