import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import type { ClusterSelector } from "@muster/shared/model/selector.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import type { ClusterRecord } from "../core/cluster-record.ts";
import type { AssignedEntry } from "../core/documents/assigned.ts";
import type { StoredApp, StoredDefinition } from "../core/documents/definition.ts";
import { type ClusterMatch, compileSelector } from "../core/placement.ts";
import type { ProjectRules } from "../core/policy.ts";
import type { Mirror } from "./mirror.ts";

interface Placed {
  readonly selector: ClusterSelector;
  readonly rules: ProjectRules;
  readonly matches: ClusterMatch;
  readonly clusters: Set<ClusterId>;
}

export type PlacementListener = (cluster: ClusterId, apps: ReadonlySet<AppUid>) => void;

/**
 * Which clusters each App wants, of those that were not removed: found when it is first asked for, and from then on
 * kept with each change of a cluster. So a changed label costs one look for each App, not one for each App and cluster.
 */
export class Placements {
  readonly #clusters: Mirror<ClusterRecord>;
  readonly #rulesOf: (project: string) => ProjectRules;
  readonly #runs: (app: AppUid) => ReadonlyMap<ClusterId, Pick<AssignedEntry, "content">>;
  readonly #placed = new Map<AppUid, Placed>();
  readonly #listeners = new Set<PlacementListener>();

  constructor(of: {
    readonly definitions: Mirror<StoredDefinition>;
    readonly clusters: Mirror<ClusterRecord>;
    readonly rulesOf: (project: string) => ProjectRules;
    readonly entriesOf: (app: AppUid) => ReadonlyMap<ClusterId, Pick<AssignedEntry, "content">>;
  }) {
    const { definitions, clusters } = of;
    this.#clusters = clusters;
    this.#rulesOf = of.rulesOf;
    this.#runs = of.entriesOf;
    definitions.onChange((_key, value, before) => {
      if (before?.kind !== "App") return;
      if (value?.kind !== "App" || value.deleted || value.uid !== before.uid) this.#placed.delete(before.uid);
    });
    clusters.onChange((id, value, before) => {
      if (value === null || before === null || !looksSame(value, before)) this.#lookAt(id as ClusterId, value);
    });
  }

  /** Kept up to date: whoever needs what it is at one moment copies it. In no particular order. */
  of(app: StoredApp): ReadonlySet<ClusterId> {
    const { uid, definition } = app;
    const rules = this.#rulesOf(definition.metadata.project);
    if (rules?.suspended) return new Set([...this.#runs(uid).keys()].filter((id) => this.wants(app, id)));
    const selector = definition.spec.clusters;
    const known = this.#placed.get(uid);
    if (known?.selector === selector && known.rules === rules) return known.clusters;
    const [inSelector, inProject] = [compileSelector(selector), compileSelector(rules?.clusters ?? { all: true })];
    const matches: ClusterMatch = (cluster) => inSelector(cluster) && inProject(cluster);
    const clusters = new Set<ClusterId>();
    for (const record of this.#clusters.values()) if (isWantedBy(matches, record)) clusters.add(record.id);
    this.#placed.set(uid, { selector, rules, matches, clusters });
    return clusters;
  }

  /** While its Project is suspended an App is to run where it runs, and nowhere else. */
  wants(app: StoredApp, cluster: ClusterId): boolean {
    if (!this.#rulesOf(app.definition.metadata.project)?.suspended) return this.of(app).has(cluster);
    const record = this.#clusters.get(cluster);
    return record?.revoked === null && this.#runs(app.uid).get(cluster)?.content.kind === "run";
  }

  /** Apps that want a cluster, of those that were asked for. */
  appsOn(cluster: ClusterId): AppUid[] {
    return [...this.#placed].flatMap(([app, { clusters }]) => (clusters.has(cluster) ? [app] : []));
  }

  /** Told of each cluster that came, went or got other labels, with the Apps that gained or lost it by that. */
  onMove(listener: PlacementListener): void {
    this.#listeners.add(listener);
  }

  #lookAt(id: ClusterId, record: ClusterRecord | null): void {
    const moved = new Set<AppUid>();
    for (const [app, { matches, clusters }] of this.#placed) {
      const isWanted = record !== null && isWantedBy(matches, record);
      if (isWanted === clusters.has(id)) continue;
      if (isWanted) clusters.add(id);
      else clusters.delete(id);
      moved.add(app);
    }
    for (const listener of this.#listeners) listener(id, moved);
  }
}

const isWantedBy = (matches: ClusterMatch, record: ClusterRecord): boolean =>
  record.revoked === null && matches(record);

const looksSame = (one: ClusterRecord, other: ClusterRecord): boolean =>
  (one.revoked === null) === (other.revoked === null) &&
  one.name === other.name &&
  (one.labels === other.labels || stableJson(one.labels) === stableJson(other.labels));
