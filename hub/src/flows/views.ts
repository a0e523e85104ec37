import { AppError } from "@muster/shared/errors.ts";
import { type AppName, type AppUid, type ClusterId, type Digest, formatApp } from "@muster/shared/model/ids.ts";
import { isNotice, type Problem } from "@muster/shared/model/problem.ts";
import type { AppFacts, PlacementFacts } from "../core/app-facts.ts";
import { describeGenerator } from "../core/app-set/plan-app-set.ts";
import type { ClusterRecord } from "../core/cluster-record.ts";
import {
  gitOf,
  nameOf,
  type StoredApp,
  type StoredAppSet,
  type StoredDefinition,
  type StoredProject,
  type StoredSource,
  sourceOf,
} from "../core/documents/definition.ts";
import type { Intent } from "../core/documents/intent.ts";
import { ownerName } from "../core/documents/owner.ts";
import { isAhead, placementState } from "../core/fleet.ts";
import { shownTarget, summarizeApp } from "../core/summarize-app.ts";
import type { AppSetView, AppView, ClusterView, ProjectView, SourceView } from "../core/views.ts";
import { isInProject, selectedBy } from "../core/wanted.ts";
import type { RemovalBrake } from "./brake-removals.ts";
import type { Definitions } from "./definitions/keep-definitions.ts";
import type { PruneGuard } from "./guard-prunes.ts";
import type { HubState } from "./hub-state.ts";
import type { ReleaseContents } from "./render/release-contents.ts";
import { toVariantCluster } from "./render/variant-clusters.ts";
import type { Rendering } from "./render-releases.ts";
import type { Sessions } from "./sessions.ts";

const SOURCE_PROBLEMS_MAX = 20;

const iso = (ms: number): string => new Date(ms).toISOString();

/** Gathers what there is to show from the state in memory. Nothing here reads a disk. */
export interface Views {
  /** @throws AppError "not-found". */
  facts(name: AppName): AppFacts;
  /** Of every App: those defined, and those deleted that are not yet gone from every cluster. */
  allFacts(): AppFacts[];
  app(name: AppName): AppView;
  cluster(record: ClusterRecord): ClusterView;
  source(source: StoredSource): SourceView;
  appSet(set: StoredAppSet): AppSetView;
  project(project: StoredProject): ProjectView;
}

export function createViews(deps: {
  state: HubState;
  sessions: Sessions;
  renderingOf: (app: AppUid) => Rendering;
  definitions: Pick<Definitions, "statusOf" | "problemsOf">;
  brake: Pick<RemovalBrake, "verdictsOf">;
  prunes: Pick<PruneGuard, "held">;
  contents: Pick<ReleaseContents, "peek">;
}): Views {
  const { state, sessions } = deps;

  function stateOf(record: ClusterRecord): ClusterView["state"] {
    if (record.revoked !== null) return "Revoked";
    if (sessions.isConnected(record.id)) return "Connected";
    return record.identity === null ? "Registered" : "Disconnected";
  }

  function factsOf(name: AppName, stored: StoredApp | null, intent: Intent | null): AppFacts {
    const uid = stored?.uid ?? (intent?.app.uid as AppUid);
    const sourceName = stored === null ? null : sourceOf(stored);
    return {
      name,
      stored,
      intent,
      releases: state.releasesOf(uid),
      newest: state.newestShipped(uid),
      source: sourceName === null ? null : state.sourceStatuses.get(`${sourceName.project}/${sourceName.name}`),
      isSourceThere: sourceName !== null && state.source(sourceName) !== null,
      renderProblems: deps.renderingOf(uid).problems,
      renderNotices: deps.renderingOf(uid).notices,
      placements: placementsOf(uid, stored, wantedOf(uid, intent)),
      held: deps.prunes.held(uid),
      // Asked for by few of those that ask for facts.
      get outsideProject() {
        return outsideProject(stored);
      },
    };
  }

  function outsideProject(stored: StoredApp | null): ReadonlySet<string> {
    const rules = stored === null ? null : state.rulesOf(nameOf(stored).project);
    if (stored === null || rules === null) return new Set();
    const isWanted = selectedBy(stored.definition, null);
    const outside = [...state.clusters.values()].filter((record) => isWanted(record) && !isInProject(record, rules));
    return new Set(outside.map(({ name }) => name));
  }

  /** What a cluster is to run in the end. */
  function wantedOf(uid: AppUid, intent: Intent | null): (record: ClusterRecord) => Digest | null {
    const target = shownTarget({ intent, newest: state.newestShipped(uid), held: deps.prunes.held(uid) });
    const release = target === null ? undefined : state.releasesOf(uid).get(target);
    if (release === undefined) return () => null;
    const read = deps.contents.peek(release);
    return (record) => read(toVariantCluster(state, record));
  }

  function placementsOf(
    uid: AppUid,
    stored: StoredApp | null,
    wanted: (record: ClusterRecord) => Digest | null,
  ): PlacementFacts[] {
    const entries = state.entriesOf(uid);
    const observed = state.observedOf(uid);
    const removals = deps.brake.verdictsOf(uid);
    const placements: PlacementFacts[] = [];
    const placed = stored === null ? new Set<ClusterId>() : state.placements.of(stored);
    for (const id of new Set([...placed, ...entries.keys(), ...observed.keys()])) {
      const record = state.clusters.get(id);
      if (record === null || record.revoked !== null) continue;
      const isPlaced = placed.has(id);
      const entry = entries.get(id) ?? null;
      placements.push({
        cluster: { id: record.id, name: record.name, state: stateOf(record) },
        isPlaced,
        entry,
        observed: observed.get(record.id) ?? null,
        removal: removals.get(record.id) ?? null,
        wanted: wanted(record),
      });
    }
    return placements.sort((a, b) => (a.cluster.name < b.cluster.name ? -1 : 1));
  }

  /** Deleted Apps whose tombstones are under way, and that have no successor of the same name. */
  function* deleting(): Generator<Intent> {
    for (const intent of state.intents.values()) {
      if (intent.deletion !== null && state.app(intent.app) === null) yield intent;
    }
  }

  function facts(name: AppName): AppFacts {
    const stored = state.app(name);
    if (stored !== null) return factsOf(name, stored, state.intents.get(stored.uid));
    for (const intent of deleting()) {
      if (intent.app.project === name.project && intent.app.name === name.name) return factsOf(name, null, intent);
    }
    throw new AppError("not-found", `There is no App ${formatApp(name)}.`, { fix: "See what there is: muster status" });
  }

  function allFacts(): AppFacts[] {
    const defined = [...state.apps()].map((stored) => factsOf(nameOf(stored), stored, state.intents.get(stored.uid)));
    const leaving = [...deleting()].map((intent) =>
      factsOf({ project: intent.app.project, name: intent.app.name }, null, intent),
    );
    return [...defined, ...leaving].sort((a, b) => (formatApp(a.name) < formatApp(b.name) ? -1 : 1));
  }

  return {
    facts,
    allFacts,
    app: (name) => summarizeApp(facts(name)),

    cluster(record) {
      const open = sessions.shown(record.id);
      const presence = state.presence.get(record.id);
      const lastSeen = open?.lastSeen ?? presence?.lastSeen ?? null;
      return {
        name: record.name,
        id: record.id,
        labels: record.labels,
        state: stateOf(record),
        agentVersion: open?.agentVersion ?? presence?.agentVersion ?? null,
        kubernetesVersion: open?.kubernetesVersion ?? presence?.kubernetesVersion ?? null,
        lastSeen: lastSeen === null ? null : iso(lastSeen),
        certificateExpires: record.identity === null ? null : iso(record.identity.notAfter),
        clockSkewMs: null,
        registered: iso(record.registered),
        apps: countApps(state, record),
      };
    },

    source(source) {
      const { project, name } = nameOf(source);
      const { url, ref } = gitOf(source);
      const stored = state.sourceStatuses.get(`${project}/${name}`);
      // Of another address or branch: it says nothing of this one.
      const status = stored?.url === url && stored.branch === ref.branch ? stored : null;
      const isFailing = status?.problems.some((problem) => !isNotice(problem)) ?? false;
      const { revision = null, held = null } = status ?? {};
      return {
        project,
        name,
        url,
        branch: ref.branch,
        tag: status?.tag ?? null,
        state: isFailing ? "Failing" : held !== null ? "Held" : revision === null ? "Pending" : "Ready",
        revision:
          revision === null
            ? null
            : {
                commit: revision.commit,
                subject: revision.subject,
                author: revision.author,
                committedAt: iso(revision.committedAt),
                seen: iso(revision.seenAt),
              },
        held: held === null ? null : { ...held, since: iso(held.since) },
        lastChecked: status?.lastChecked == null ? null : iso(status.lastChecked),
        problems: [...(status?.problems ?? []), ...renderProblemsOf({ project, name })].slice(0, SOURCE_PROBLEMS_MAX),
        definitions: definitionsOf(source),
      };
    },

    appSet(set) {
      const { project, name } = nameOf(set);
      const key = `${project}/${name}`;
      return {
        project,
        name,
        generator: describeGenerator(set),
        owner: ownerName(set.owner),
        apps: [...state.apps()].filter(
          ({ owner }) => typeof owner === "object" && "appSet" in owner && owner.appSet === key,
        ).length,
        deleting: set.deleted,
        problems: [...deps.definitions.problemsOf({ project, name })],
      };
    },

    project({ definition: { metadata, spec }, owner }) {
      const count = (kind: StoredDefinition["kind"]): number =>
        [...state.definitions.values()].filter(
          ({ deleted, definition }) =>
            !deleted &&
            definition.kind === kind &&
            "project" in definition.metadata &&
            definition.metadata.project === metadata.name,
        ).length;
      return {
        name: metadata.name,
        owner: ownerName(owner),
        suspended: spec.suspended,
        sources: count("Source"),
        apps: count("App"),
        appSets: count("AppSet"),
      };
    },
  };

  function definitionsOf(source: StoredSource): SourceView["definitions"] {
    const status = deps.definitions.statusOf(nameOf(source));
    const { definitions } = source.definition.spec;
    if (status === null || definitions === undefined) return null;
    const { commit, documents, problems } = status;
    return { path: definitions.path, fleet: definitions.fleet, commit, documents, problems: [...problems] };
  }

  /** What is wrong in the files of this Source, once each: several Apps may render one directory. */
  function renderProblemsOf(source: AppName): Problem[] {
    const problems = new Map<string, Problem>();
    for (const app of state.appsOf(source)) {
      for (const problem of deps.renderingOf(app.uid).problems) problems.set(JSON.stringify(problem), problem);
    }
    return [...problems.values()];
  }
}

function countApps(state: HubState, { id }: ClusterRecord): ClusterView["apps"] {
  const counts = { total: 0, synced: 0, healthy: 0, failed: 0, ahead: 0 };
  for (const [app, entry] of state.entriesIn(id)) {
    const observed = state.observedOf(app).get(id) ?? null;
    if (isAhead(entry, observed)) counts.ahead += 1;
    if (entry.content.kind !== "run") continue;
    counts.total += 1;
    const placed = placementState(entry, observed);
    if (placed === "Healthy") counts.healthy += 1;
    if (placed === "Failed" || placed === "Refused" || placed === "Unhealthy") counts.failed += 1;
    if (observed?.report?.sync === "Synced" && observed.report.generation === entry.generation) counts.synced += 1;
  }
  return counts;
}
