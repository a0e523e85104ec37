import type { Clock, Instant } from "@muster/shared/clock.ts";
import { parseDuration } from "@muster/shared/duration.ts";
import type { AppName, AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import type { AssignedEntry, AssignedShard } from "../core/documents/assigned.ts";
import type { StoredApp } from "../core/documents/definition.ts";
import type { ObservedShard } from "../core/documents/observed.ts";
import { isCurrent } from "../core/fleet.ts";
import { takenOver } from "../core/policy.ts";
import { type LeavingPair, type PassedPair, REMOVAL_WINDOW_MS, type RemovalCause } from "../core/removal-brake.ts";
import type { HubState } from "./hub-state.ts";

/** Since when, and by what, a cluster leaves an App; `by` is forgotten with the process. */
interface Leave {
  readonly since: Instant;
  readonly cause: RemovalCause;
  readonly by: string | null;
}

/**
 * Every (cluster, App) pair of the fleet that runs and is not wanted any more, at any moment: an index over what is
 * stored, kept with each change of it. So the brake sees all that one change brings about before any of it is carried
 * out, whichever App is planned first. Make it before the state is read.
 */
export class LeavingPairs {
  readonly #state: HubState;
  readonly #clock: Clock;
  readonly #ofApp = new Map<AppUid, Map<ClusterId, Leave>>();
  readonly #inventory = new Map<AppUid, number>();
  readonly #listeners = new Set<() => void>();
  #passed: PassedPair[] = [];
  #running = 0;

  constructor(state: HubState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
    state.definitions.onChange((_key, value, before) => {
      const by = value?.audit.at(-1)?.actor.name ?? null;
      for (const stored of [before, value]) if (stored?.kind === "App") this.#lookAtApp(stored.uid, "definition", by);
      // A Project narrows where its Apps are placed.
      const project = value ?? before;
      if (project?.kind !== "Project") return;
      for (const app of state.appsIn(project.definition.metadata.name)) this.#lookAtApp(app.uid, "definition", by);
    });
    state.intents.onChange((_uid, value, before) => {
      if (value === null || value.deletion === null || before?.deletion) return;
      this.#lookAtApp(value.app.uid, "deletion", value.deletion.by);
    });
    state.clusters.onChange((_id, value, before) => {
      const id = (value ?? before)?.id as ClusterId;
      const by = value?.audit.at(-1)?.actor.name ?? null;
      for (const app of state.entriesIn(id).keys()) this.#look(app, id, "labels", by);
    });
    state.assigned.onChange((_key, value, before) => this.#noteAssigned(value, before));
    state.observed.onChange((_key, value, before) => this.#noteObserved(value, before));
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** All that leave, with what the brake needs of them. */
  all(): LeavingPair[] {
    const pairs: LeavingPair[] = [];
    for (const [app, ofApp] of this.#ofApp) {
      const make = this.#pairsOf(app);
      for (const [cluster, leave] of ofApp) pairs.push(make(cluster, leave));
    }
    return pairs;
  }

  isLeaving(app: AppUid, cluster: ClusterId): boolean {
    return this.#ofApp.get(app)?.has(cluster) ?? false;
  }

  /** Who caused it, where that is known. */
  by(pairs: readonly Pick<LeavingPair, "app" | "cluster">[]): string | null {
    for (const { app, cluster } of pairs) {
      const by = this.#ofApp.get(app)?.get(cluster)?.by;
      if (by != null) return by;
    }
    return null;
  }

  /** A pair that leaves, or that would: `leave` says since when and why. */
  pair(app: AppUid, cluster: ClusterId, leave: { since: Instant; cause: RemovalCause }): LeavingPair {
    return this.#pairsOf(app)(cluster, leave);
  }

  #pairsOf(app: AppUid): (cluster: ClusterId, leave: { since: Instant; cause: RemovalCause }) => LeavingPair {
    const stored = this.#state.appByUid(app);
    const intent = this.#state.intents.get(app);
    const observed = this.#state.observedOf(app);
    const { action, grace } = stored?.definition.spec.onUnplaced ?? { action: "delete", grace: "0s" };
    const deletes = (intent?.deletion?.action ?? action) === "delete";
    const unplacedMs = parseDuration(grace);
    const changes = stored?.changes ?? 0;
    const heirs = intent?.deletion == null ? [] : [...heirsOf(this.#state, intent.app)];
    return (cluster, { since, cause }) => ({
      app,
      cluster,
      cause,
      since,
      // A deletion is said outright; a label or a selector may be mistyped.
      graceMs: cause === "deletion" ? 0 : unplacedMs,
      objects: deletes ? (observed.get(cluster)?.report?.objects ?? 0) : 0,
      changes,
      ...(heirs.some((heir) => this.#runs(heir.uid, cluster)) ? { isSucceeded: true } : {}),
    });
  }

  /** Reported by the cluster, and not only assigned: its inventory holds the objects by then. */
  #runs(app: AppUid, cluster: ClusterId): boolean {
    const entry = this.#state.entriesOf(app).get(cluster) ?? null;
    const report = this.#state.observedOf(app).get(cluster)?.report ?? null;
    return entry?.content.kind === "run" && isCurrent(report, entry) && report?.phase === "Applied";
  }

  /** (cluster, App) pairs that are assigned to run. */
  get running(): number {
    return this.#running;
  }

  /** Objects of an App over all its clusters, as they were reported. */
  inventoryOf(app: AppUid): number {
    return this.#inventory.get(app) ?? 0;
  }

  passed(now: Instant): readonly PassedPair[] {
    this.#passed = this.#passed.filter(({ at }) => at > now - REMOVAL_WINDOW_MS);
    return this.#passed;
  }

  #lookAtApp(app: AppUid, cause: RemovalCause, by: string | null): void {
    for (const cluster of this.#state.entriesOf(app).keys()) this.#look(app, cluster, cause, by);
  }

  #look(app: AppUid, cluster: ClusterId, cause: RemovalCause, by: string | null): void {
    const entry = this.#state.entriesOf(app).get(cluster);
    const before = this.#ofApp.get(app)?.get(cluster);
    if (!this.#leaves(app, cluster, entry)) {
      if (before === undefined) return;
      this.#ofApp.get(app)?.delete(cluster);
      if (this.#ofApp.get(app)?.size === 0) this.#ofApp.delete(app);
      this.#changed();
      return;
    }
    const mark = entry?.leaving;
    const since = before?.since ?? mark?.since ?? this.#clock.now();
    const isDeleted = this.#state.intents.get(app)?.deletion != null;
    const leave: Leave = {
      since,
      cause: isDeleted ? "deletion" : (before?.cause ?? mark?.cause ?? cause),
      by: (isDeleted ? (this.#state.intents.get(app)?.deletion?.by ?? null) : before?.by) ?? by,
    };
    const ofApp = this.#ofApp.get(app) ?? new Map<ClusterId, Leave>();
    this.#ofApp.set(app, ofApp.set(cluster, leave));
    this.#changed();
  }

  #leaves(app: AppUid, cluster: ClusterId, entry: AssignedEntry | undefined): boolean {
    if (entry?.content.kind !== "run") return false;
    const record = this.#state.clusters.get(cluster);
    if (record === null || record.revoked !== null) return false;
    if (this.#state.intents.get(app)?.deletion != null) return true;
    const stored = this.#state.appByUid(app);
    return stored !== null && !this.#state.placements.wants(stored, cluster);
  }

  #noteAssigned(value: AssignedShard | null, before: AssignedShard | null): void {
    const app = (value ?? before)?.app as AppUid;
    const ids = new Set([
      ...Object.keys(value?.clusters ?? {}),
      ...Object.keys(before?.clusters ?? {}),
    ]) as Set<ClusterId>;
    for (const cluster of ids) {
      const [now, was] = [value?.clusters[cluster], before?.clusters[cluster]];
      if (now === was) continue;
      if (was?.content.kind === "run") this.#running -= 1;
      if (now?.content.kind === "run") this.#running += 1;
      if (was?.content.kind !== now?.content.kind) this.#notePassed(app, cluster, now, was);
      this.#look(app, cluster, "definition", null);
    }
  }

  /** What went without approval counts for a while; after a restart, what is still stored of it. */
  #notePassed(app: AppUid, cluster: ClusterId, now: AssignedEntry | undefined, was: AssignedEntry | undefined): void {
    if (now === undefined || now.content.kind === "run" || (was !== undefined && was.content.kind !== "run")) return;
    if (now.content.removal?.approval != null || now.since <= this.#clock.now() - REMOVAL_WINDOW_MS) return;
    const deletes = now.content.action === "delete";
    const objects = deletes ? (this.#state.observedOf(app).get(cluster)?.report?.objects ?? 0) : 0;
    this.#passed.push({ app, cluster, objects, at: now.since });
  }

  #noteObserved(value: ObservedShard | null, before: ObservedShard | null): void {
    const app = (value ?? before)?.app as AppUid;
    const sum = (this.#inventory.get(app) ?? 0) + objectsIn(value) - objectsIn(before);
    if (sum > 0) this.#inventory.set(app, sum);
    else this.#inventory.delete(app);
    // An heir that runs now may let what it inherits from go.
    if (this.#ofApp.size > 0 && this.#hasDeleted()) this.#changed();
  }

  #hasDeleted(): boolean {
    for (const app of this.#ofApp.keys()) if (this.#state.intents.get(app)?.deletion != null) return true;
    return false;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function objectsIn(shard: ObservedShard | null): number {
  let sum = 0;
  for (const { report } of Object.values(shard?.clusters ?? {})) sum += report?.objects ?? 0;
  return sum;
}

/** The App that was made anew under the name, and those that take over from it. */
function* heirsOf(state: HubState, name: AppName): Generator<StoredApp> {
  const again = state.app(name);
  if (again !== null) yield again;
  for (const app of state.appsIn(name.project)) if (takenOver(app.definition).includes(name.name)) yield app;
}
