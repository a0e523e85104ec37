import type { AppName, AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import type { Epoch } from "@muster/shared/model/mark.ts";
import type { ClusterRecord } from "../core/cluster-record.ts";
import { type Approval, type ApprovalPairs, approvalPairsNoun, approvals } from "../core/documents/approval.ts";
import {
  type AssignedEntry,
  type AssignedShard,
  assignedShards,
  SHARD_CLUSTERS_MAX,
  shardKey,
} from "../core/documents/assigned.ts";
import type { AuditEntry } from "../core/documents/audit-entry.ts";
import { clusters } from "../core/documents/cluster.ts";
import {
  appKey,
  appSetKey,
  definitions,
  projectKey,
  type StoredApp,
  type StoredAppSet,
  type StoredDefinition,
  type StoredProject,
  type StoredSource,
  sourceKey,
  sourceOf,
} from "../core/documents/definition.ts";
import { type DefinitionRead, definitionReads } from "../core/documents/definition-read.ts";
import { HUB_EPOCH_KEY, type HubEpoch, hubEpochs } from "../core/documents/hub-epoch.ts";
import { type Intent, intents } from "../core/documents/intent.ts";
import { type ObservedEntry, type ObservedShard, observedShards } from "../core/documents/observed.ts";
import { type Operation, operations } from "../core/documents/operation.ts";
import { type Presence, presences } from "../core/documents/presence.ts";
import { type LateVariant, lateVariants, type Release, releases } from "../core/documents/release.ts";
import { type SourceStatus, sourceStatuses } from "../core/documents/source-status.ts";
import type { ProjectRules } from "../core/policy.ts";
import { otherSources } from "../core/variants.ts";
import type { Documents } from "../ports/store.ts";
import type { AuditDrain } from "./drain-audit.ts";
import { Mirror } from "./mirror.ts";
import { Placements } from "./placements.ts";

/** Every document the flows work with, mirrored in memory, and the indexes over them. */
export class HubState {
  readonly definitions: Mirror<StoredDefinition>;
  readonly definitionReads: Mirror<DefinitionRead>;
  readonly sourceStatuses: Mirror<SourceStatus>;
  readonly intents: Mirror<Intent>;
  readonly releases: Mirror<Release>;
  readonly lateVariants: Mirror<LateVariant>;
  readonly assigned: Mirror<AssignedShard>;
  readonly observed: Mirror<ObservedShard>;
  readonly clusters: Mirror<ClusterRecord>;
  readonly operations: Mirror<Operation>;
  readonly epochs: Mirror<HubEpoch>;
  readonly presence: Mirror<Presence>;
  readonly approvals: Mirror<Approval>;
  readonly approvalPairs: Mirror<ApprovalPairs>;
  readonly placements: Placements;

  readonly #entriesOfApp = new Map<AppUid, Map<ClusterId, AssignedEntry>>();
  readonly #entriesOfCluster = new Map<ClusterId, Map<AppUid, AssignedEntry>>();
  readonly #shardOf = new Map<AppUid, Map<ClusterId, number>>();
  readonly #observedOfApp = new Map<AppUid, Map<ClusterId, ObservedEntry>>();
  readonly #releasesOfApp = new Map<AppUid, Map<number, Release>>();
  readonly #appsOfSource = new Map<string, Set<string>>();
  readonly #appKeyOfUid = new Map<AppUid, string>();
  readonly #changeWaiters = new Set<() => void>();

  constructor(documents: Documents, audit: AuditDrain) {
    const isDrained = (id: string): boolean => audit.isDrained(id);
    this.definitions = new Mirror(documents, definitions, isDrained);
    this.definitionReads = new Mirror(documents, definitionReads);
    this.sourceStatuses = new Mirror(documents, sourceStatuses);
    this.intents = new Mirror(documents, intents, isDrained);
    this.releases = new Mirror(documents, releases, isDrained);
    this.lateVariants = new Mirror(documents, lateVariants);
    this.assigned = new Mirror(documents, assignedShards);
    this.observed = new Mirror(documents, observedShards);
    this.clusters = new Mirror(documents, clusters, isDrained);
    this.operations = new Mirror(documents, operations, isDrained);
    this.epochs = new Mirror(documents, hubEpochs, isDrained);
    this.presence = new Mirror(documents, presences);
    this.approvals = new Mirror(documents, approvals, isDrained);
    this.approvalPairs = new Mirror(documents, approvalPairsNoun);

    this.definitions.onChange((key, value, before) => this.#indexDefinition(key, value, before));
    this.assigned.onChange((_key, value, before) => this.#indexAssigned(value, before));
    this.observed.onChange((_key, value, before) => this.#indexObserved(value, before));
    this.placements = new Placements({
      definitions: this.definitions,
      clusters: this.clusters,
      rulesOf: (project) => this.rulesOf(project),
      entriesOf: (app) => this.entriesOf(app),
    });
    this.releases.onChange((_key, value, before) => this.#indexRelease(value, before));
    for (const audited of [
      this.releases,
      this.definitions,
      this.intents,
      this.clusters,
      this.operations,
      this.epochs,
      this.approvals,
    ]) {
      (audited as unknown as Mirror<{ audit: AuditEntry[] }>).onChange((_key, value, before) => {
        audit.notice(value?.audit);
        const kept = new Set(value?.audit.map((entry) => entry.id));
        audit.forget((before?.audit ?? []).map((entry) => entry.id).filter((id) => !kept.has(id)));
      });
    }
    for (const shown of this.#all()) (shown as unknown as Mirror<object>).onChange(() => this.notifyChange());
  }

  /** Resolves when all is read. `ended` rejects when the store no longer tells of changes. */
  async open(signal: AbortSignal): Promise<{ ended: Promise<unknown> }> {
    // Releases first: an assigned entry is of no use without the Release it names.
    const opened = [await this.releases.open(signal)];
    for (const mirror of this.#all()) if (mirror !== (this.releases as unknown)) opened.push(await mirror.open(signal));
    return { ended: Promise.all(opened.map(({ ended }) => ended)) };
  }

  #all(): Mirror<never>[] {
    return [
      this.releases,
      this.lateVariants,
      this.epochs,
      this.definitions,
      this.definitionReads,
      this.sourceStatuses,
      this.clusters,
      this.presence,
      this.operations,
      this.approvalPairs,
      this.approvals,
      this.intents,
      this.assigned,
      this.observed,
    ] as unknown as Mirror<never>[];
  }

  /** The hub's present epoch. Set before anything else runs. */
  get epoch(): Epoch {
    const found = this.epochs.get(HUB_EPOCH_KEY);
    if (found === null) throw new Error("the hub's epoch is not known yet");
    return found.epoch;
  }

  app(name: AppName): StoredApp | null {
    const found = this.definitions.get(appKey(name));
    return found?.kind === "App" && !found.deleted ? found : null;
  }

  appByUid(uid: AppUid): StoredApp | null {
    const found = this.definitions.get(this.#appKeyOfUid.get(uid) ?? "");
    return found?.kind === "App" && found.uid === uid && !found.deleted ? found : null;
  }

  source(name: AppName): StoredSource | null {
    const found = this.definitions.get(sourceKey(name));
    return found?.kind === "Source" && !found.deleted ? found : null;
  }

  /** What a Project allows; null where nobody defined it. */
  rulesOf(project: string): ProjectRules {
    const found = this.definitions.get(projectKey(project));
    return found?.kind === "Project" && !found.deleted ? found.definition.spec : null;
  }

  *appsIn(project: string): Generator<StoredApp> {
    for (const app of this.apps()) if (app.definition.metadata.project === project) yield app;
  }

  project(name: string): StoredProject | null {
    const found = this.definitions.get(projectKey(name));
    return found?.kind === "Project" && !found.deleted ? found : null;
  }

  appSet(name: AppName): StoredAppSet | null {
    const found = this.definitions.get(appSetKey(name));
    return found?.kind === "AppSet" && !found.deleted ? found : null;
  }

  /** Those that are deleted and still have Apps as well. */
  *appSets(): Generator<StoredAppSet> {
    for (const found of this.definitions.values()) if (found.kind === "AppSet") yield found;
  }

  *apps(): Generator<StoredApp> {
    for (const found of this.definitions.values()) if (found.kind === "App" && !found.deleted) yield found;
  }

  *sources(): Generator<StoredSource> {
    for (const found of this.definitions.values()) if (found.kind === "Source" && !found.deleted) yield found;
  }

  /** Apps that a Source gives anything to: their own directory, or values. */
  *appsOf(source: AppName): Generator<StoredApp> {
    for (const key of this.#appsOfSource.get(sourceKey(source)) ?? []) {
      const found = this.definitions.get(key);
      if (found?.kind === "App") yield found;
    }
  }

  entriesOf(app: AppUid): ReadonlyMap<ClusterId, AssignedEntry> {
    return this.#entriesOfApp.get(app) ?? new Map();
  }

  entriesIn(cluster: ClusterId): ReadonlyMap<AppUid, AssignedEntry> {
    return this.#entriesOfCluster.get(cluster) ?? new Map();
  }

  /** The shard that holds a cluster's entry for an App; `observed` follows it (see `observedShard`). */
  shardOf(app: AppUid, cluster: ClusterId): number | null {
    return this.#shardOf.get(app)?.get(cluster) ?? null;
  }

  /** Where to note what was observed: beside the entry; without one (only Ahead is known), where there is room. */
  observedShard(app: AppUid, cluster: ClusterId): number {
    const home = this.shardOf(app, cluster);
    if (home !== null) return home;
    let withRoom: number | null = null;
    for (let shard = 0; ; shard += 1) {
      const found = this.observed.get(shardKey(app, shard));
      if (found === null) return withRoom ?? shard;
      if (found.clusters[cluster] !== undefined) return shard;
      if (Object.keys(found.clusters).length < SHARD_CLUSTERS_MAX) withRoom ??= shard;
    }
  }

  shardsOf(app: AppUid): AssignedShard[] {
    const numbers = new Set(this.#shardOf.get(app)?.values() ?? []);
    return [...numbers].sort((a, b) => a - b).flatMap((shard) => this.assigned.get(shardKey(app, shard)) ?? []);
  }

  observedOf(app: AppUid): ReadonlyMap<ClusterId, ObservedEntry> {
    return this.#observedOfApp.get(app) ?? new Map();
  }

  releasesOf(app: AppUid): ReadonlyMap<number, Release> {
    return this.#releasesOfApp.get(app) ?? new Map();
  }

  newestRelease(app: AppUid): Release | null {
    let newest: Release | null = null;
    for (const release of this.releasesOf(app).values()) {
      if (newest === null || release.number > newest.number) newest = release;
    }
    return newest;
  }

  /** The newest that is not held. */
  newestShipped(app: AppUid): Release | null {
    let newest: Release | null = null;
    for (const release of this.releasesOf(app).values()) {
      if (!release.held && (newest === null || release.number > newest.number)) newest = release;
    }
    return newest;
  }

  clusterByName(name: string): ClusterRecord | null {
    for (const record of this.clusters.values()) if (record.name === name) return record;
    return null;
  }

  /** Something that people are shown has changed. */
  notifyChange(): void {
    if (this.#changeWaiters.size === 0) return;
    const waiters = [...this.#changeWaiters];
    this.#changeWaiters.clear();
    for (const resolve of waiters) resolve();
  }

  /** Resolves at the next change, or when `signal` aborts. */
  nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        this.#changeWaiters.delete(finish);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      if (signal.aborted) return finish();
      this.#changeWaiters.add(finish);
      signal.addEventListener("abort", finish, { once: true });
    });
  }

  #indexDefinition(key: string, value: StoredDefinition | null, before: StoredDefinition | null): void {
    if (before?.kind === "App") {
      for (const source of sourcesOf(before)) dropFrom(this.#appsOfSource, source, key);
      this.#appKeyOfUid.delete(before.uid);
    }
    if (value?.kind === "App" && !value.deleted) {
      for (const source of sourcesOf(value)) {
        this.#appsOfSource.set(source, (this.#appsOfSource.get(source) ?? new Set()).add(key));
      }
      this.#appKeyOfUid.set(value.uid, key);
    }
  }

  #indexAssigned(value: AssignedShard | null, before: AssignedShard | null): void {
    const app = (value ?? before)?.app as AppUid;
    const ofApp = setDefault(this.#entriesOfApp, app, () => new Map());
    const shards = setDefault(this.#shardOf, app, () => new Map());
    for (const cluster of Object.keys(before?.clusters ?? {}) as ClusterId[]) {
      if (value?.clusters[cluster] !== undefined) continue;
      ofApp.delete(cluster);
      shards.delete(cluster);
      this.#entriesOfCluster.get(cluster)?.delete(app);
    }
    for (const [cluster, entry] of Object.entries(value?.clusters ?? {}) as [ClusterId, AssignedEntry][]) {
      ofApp.set(cluster, entry);
      shards.set(cluster, value?.shard ?? 0);
      setDefault(this.#entriesOfCluster, cluster, () => new Map()).set(app, entry);
    }
    if (ofApp.size === 0) {
      this.#entriesOfApp.delete(app);
      this.#shardOf.delete(app);
    }
  }

  #indexObserved(value: ObservedShard | null, before: ObservedShard | null): void {
    const app = (value ?? before)?.app as AppUid;
    const ofApp = setDefault(this.#observedOfApp, app, () => new Map());
    const shard = (value ?? before)?.shard;
    // What was noted elsewhere before the cluster had an entry is overtaken by what stands beside the entry.
    const isHome = (cluster: ClusterId): boolean => (this.shardOf(app, cluster) ?? shard) === shard;
    for (const cluster of Object.keys(before?.clusters ?? {}) as ClusterId[]) {
      if (value?.clusters[cluster] === undefined && isHome(cluster)) ofApp.delete(cluster);
    }
    for (const [cluster, entry] of Object.entries(value?.clusters ?? {}) as [ClusterId, ObservedEntry][]) {
      if (isHome(cluster)) ofApp.set(cluster, entry);
    }
    if (ofApp.size === 0) this.#observedOfApp.delete(app);
  }

  #indexRelease(value: Release | null, before: Release | null): void {
    if (value !== null) {
      setDefault(this.#releasesOfApp, value.app, () => new Map()).set(value.number, value);
      return;
    }
    if (before === null) return;
    const ofApp = this.#releasesOfApp.get(before.app);
    ofApp?.delete(before.number);
    if (ofApp?.size === 0) this.#releasesOfApp.delete(before.app);
  }
}

function setDefault<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

function dropFrom(index: Map<string, Set<string>>, key: string, member: string): void {
  const members = index.get(key);
  members?.delete(member);
  if (members?.size === 0) index.delete(key);
}

/** Keys of the Sources that an App is rendered from. */
const sourcesOf = (app: StoredApp): string[] => {
  const { project } = app.definition.metadata;
  return [sourceOf(app), ...otherSources(app.definition.spec).map((name) => ({ project, name }))].map(sourceKey);
};
