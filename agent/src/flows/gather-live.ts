import { isAppError } from "@muster/shared/errors.ts";
import { formatObject, groupOf, type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { findDrift } from "../core/drift.ts";
import { healthy } from "../core/health/verdict.ts";
import { entriesThatLeft } from "../core/inventory.ts";
import type { JsonObject } from "../core/live.ts";
import { judgeOwnership, PRUNE_ANNOTATION } from "../core/ownership.ts";
import type { LiveKnowledge } from "../core/plan-apply.ts";
import { problemOf } from "../core/problem-of.ts";
import type { BundleObject, OpenedBundle } from "../ports/bundle-opener.ts";
import type { ClusterApi, LiveObject, ResourceKind } from "../ports/cluster-api.ts";
import type { AppEntry, ObjectState } from "./app-book.ts";
import { forEachLimited } from "./limited.ts";
import type { LiveSummary, LiveWatch } from "./watch-drift.ts";

/** An object of the bundle as it goes to this cluster: its namespace is settled. */
export interface PlacedObject {
  readonly ref: ObjectRef;
  readonly hash: string;
  /** The JSON text that is applied. */
  body(): string;
}

const readsAtOnce = 16;

/** An object of the bundle that cannot be applied as things are, and why. */
export interface UnplacedObject {
  readonly ref: ObjectRef;
  readonly problem: Problem;
}

/**
 * Settles each object's namespace by asking which kinds have one. A kind that the cluster does not know is a problem,
 * and so are two objects that turn out to be one.
 */
export async function placeObjects(
  cluster: ClusterApi,
  bundle: OpenedBundle,
  namespace: string,
): Promise<{ placed: PlacedObject[]; kinds: ResourceKind[]; unplaced: UnplacedObject[] }> {
  const kinds = new Map<string, ResourceKind>();
  const scopes = new Map<string, boolean | Problem>();
  for (const { ref } of bundle.objects) scopes.set(`${ref.apiVersion}/${ref.kind}`, true);
  await forEachLimited([...scopes.keys()], readsAtOnce, async (key) => {
    const slash = key.lastIndexOf("/");
    const [apiVersion, kind] = [key.slice(0, slash), key.slice(slash + 1)];
    try {
      const resource = await cluster.resolve(apiVersion, kind);
      kinds.set(key, resource);
      scopes.set(key, resource.isNamespaced);
    } catch (error) {
      // An API group whose own server is away concerns its kinds alone.
      if (isAppError(error, "unavailable")) scopes.set(key, problemOf(error));
      else if (!isAppError(error, "unsupported")) throw error;
      // Its definition may come with this very bundle.
      else scopes.set(key, bundle.definedKinds.get(`${groupOf(apiVersion)}/${kind}`) ?? problemOf(error));
    }
  });
  const placed = new Map<string, PlacedObject>();
  const unplaced: UnplacedObject[] = [];
  for (const object of bundle.objects) {
    const scope = scopes.get(`${object.ref.apiVersion}/${object.ref.kind}`);
    if (typeof scope === "object") {
      unplaced.push({ ref: object.ref, problem: { ...scope, where: { object: object.ref } } });
      continue;
    }
    const settled = scope === true ? placeInside(object, namespace) : placeOutside(object);
    const key = objectKey(settled.ref);
    if (placed.has(key)) unplaced.push({ ref: settled.ref, problem: duplicate(settled.ref, scope === true) });
    else placed.set(key, settled);
  }
  // Neither of two is the right one: both stay as they are in the cluster.
  for (const { ref, problem } of unplaced) if (problem.code === "DuplicateObject") placed.delete(objectKey(ref));
  return { placed: [...placed.values()], kinds: [...kinds.values()], unplaced };
}

/** The kinds of these objects that are not known yet and that the cluster serves by now. */
export async function newKinds(
  cluster: ClusterApi,
  refs: readonly ObjectRef[],
  known: readonly ResourceKind[],
): Promise<readonly ResourceKind[]> {
  const isKnown = new Set(known.map(({ apiVersion, kind }) => `${groupOf(apiVersion)}/${kind}`));
  const wanted = new Map(refs.map((ref) => [`${groupOf(ref.apiVersion)}/${ref.kind}`, ref] as const));
  const found: ResourceKind[] = [];
  for (const [key, { apiVersion, kind }] of wanted) {
    if (isKnown.has(key)) continue;
    // If it is not served yet, its objects were refused, and the next attempt sees it.
    await cluster.resolve(apiVersion, kind).then(
      (resource) => found.push(resource),
      () => {},
    );
  }
  return found;
}

const duplicate = (ref: ObjectRef, isNamespaced: boolean): Problem => ({
  code: "DuplicateObject",
  message: `${formatObject(ref)} is in the bundle twice: once with a namespace of its own, once without.`,
  where: { object: ref },
  fix: isNamespaced
    ? `Remove one of them. What states no namespace goes to ${ref.namespace}, as spec.destination says.`
    : `Remove one of them. A ${ref.kind} has no namespace, whatever its manifest states.`,
});

/** An object of a cluster-scoped kind is the same one whatever namespace its manifest states. */
function placeOutside({ ref, body, hash }: BundleObject): PlacedObject {
  if (ref.namespace === "") return { ref, hash, body: () => body };
  const stated = `"metadata":{"namespace":${JSON.stringify(ref.namespace)},`;
  return { ref: { ...ref, namespace: "" }, hash, body: () => body.replace(stated, '"metadata":{') };
}

function placeInside(object: BundleObject, namespace: string): PlacedObject {
  const { ref, body, namespaceAt, hash } = object;
  if (namespaceAt === null || ref.namespace !== "") return { ref, hash, body: () => body };
  return {
    ref: { ...ref, namespace },
    hash: `${hash}/${namespace}`,
    body: () => `${body.slice(0, namespaceAt)}"namespace":${JSON.stringify(namespace)},${body.slice(namespaceAt)}`,
  };
}

/**
 * What the plan needs to know of every object of the bundle and of every inventory entry that left it. The watch
 * answers for what it has; the API server is asked about the rest. Learns each object's health on the way.
 */
export async function gatherLive(
  deps: { readonly cluster: ClusterApi; readonly watch: LiveWatch },
  entry: AppEntry,
  placed: readonly PlacedObject[],
  isApplied: boolean,
): Promise<ReadonlyMap<string, LiveKnowledge>> {
  const live = new Map<string, LiveKnowledge>();
  const uids = new Map(entry.record.inventory.map((held) => [objectKey(held.ref), held.uid]));
  const toRead: { ref: ObjectRef; object: PlacedObject | null }[] = [];
  for (const object of placed) {
    const key = objectKey(object.ref);
    const state = entry.objects.get(key);
    const summary = deps.watch.find(key);
    const knowledge = summary && fromSummary(entry, summary, state, isSameBody(state, object, isApplied));
    if (knowledge) live.set(key, knowledge);
    else toRead.push({ ref: object.ref, object });
  }
  const wanted = placed.map(({ ref }) => ref);
  for (const { ref } of entriesThatLeft(entry.record.inventory, wanted)) toRead.push({ ref, object: null });

  await forEachLimited(toRead, readsAtOnce, async ({ ref, object }) => {
    const key = objectKey(ref);
    let found: LiveObject | null;
    try {
      found = await deps.cluster.get(ref);
    } catch (error) {
      // A kind that is not served has no objects; one that left the bundle may come back with its definition.
      if (isAppError(error, "unsupported")) found = null;
      else if (isAppError(error, "unavailable") || isAppError(error, "cancelled")) throw error;
      else {
        live.set(key, { kind: "unreadable", problem: problemOf(error, ref) });
        return;
      }
    }
    if (found === null) {
      live.set(key, { kind: "absent" });
      return;
    }
    const ownership = judgeOwnership(found, entry.owner, uids.get(key));
    const state = entry.objects.get(key);
    const isSame = object !== null && isSameBody(state, object, isApplied);
    const drift = isSame && ownership.kind === "ours" ? findDrift(JSON.parse(object.body()) as JsonObject, found) : [];
    const prune = found.metadata.annotations?.[PRUNE_ANNOTATION];
    live.set(key, {
      kind: "present",
      uid: found.metadata.uid,
      ownership,
      ...(prune === undefined ? {} : { prune }),
      body: isSame ? "same" : "changed",
      drift,
    });
    if (object === null || ownership.kind !== "ours") return;
    const summary = deps.watch.learn(found);
    const known = state ?? addState(entry, object.ref);
    known.uid = summary.uid;
    known.health = summary.health;
    if (isSame && drift.length === 0) {
      known.appliedHash = object.hash;
      known.clean = { fingerprint: summary.fingerprint, resourceVersion: summary.resourceVersion };
    }
  });
  return live;
}

/** From memory, when that is enough to decide; undefined when the object itself must be looked at. */
function fromSummary(
  entry: AppEntry,
  summary: LiveSummary,
  state: ObjectState | undefined,
  isSame: boolean,
): LiveKnowledge | undefined {
  if (summary.ownerHash !== entry.owner.hash) return undefined;
  if (isSame && (state === undefined || !isClean(summary, state))) return undefined;
  return {
    kind: "present",
    uid: summary.uid,
    ownership: { kind: "ours" },
    ...(summary.prune === undefined ? {} : { prune: summary.prune }),
    body: isSame ? "same" : "changed",
    drift: [],
  };
}

/** Whether nothing of ours changed since the object was last found without drift. */
export function isClean(summary: LiveSummary, state: ObjectState): boolean {
  if (state.clean === null || state.uid !== summary.uid) return false;
  if (state.clean.resourceVersion === summary.resourceVersion) return true;
  return state.clean.fingerprint !== null && state.clean.fingerprint === summary.fingerprint;
}

const isSameBody = (state: ObjectState | undefined, object: PlacedObject, isApplied: boolean): boolean =>
  state?.appliedHash == null ? isApplied : state.appliedHash === object.hash;

export function addState(entry: AppEntry, ref: ObjectRef): ObjectState {
  const state: ObjectState = {
    ref,
    appliedHash: null,
    clean: null,
    uid: null,
    sync: "OutOfSync",
    health: { ...healthy(), state: "Unknown" },
    problem: null,
    heals: null,
  };
  entry.objects.set(objectKey(ref), state);
  return state;
}
