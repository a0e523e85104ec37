import { AppError, assertNever } from "@muster/shared/errors.ts";
import { API_VERSION } from "@muster/shared/model/definitions/common.ts";
import type { Definition } from "@muster/shared/model/definitions.ts";
import { type AppName, type AppUid, type ClusterId, formatApp } from "@muster/shared/model/ids.ts";
import type { AppFacts } from "../core/app-facts.ts";
import { noApproval, viewApproval } from "../core/decide-approval.ts";
import { appSetKey } from "../core/documents/definition.ts";
import { detailKey, type ReportDetail, reportDetail, reportDetails } from "../core/documents/observed.ts";
import { explain, tellingPlacement } from "../core/explain.ts";
import { explainCommit } from "../core/explain-commit.ts";
import { detailApp, summarizeApp, viewPlacement, viewRelease } from "../core/summarize-app.ts";
import type { ClusterView, TraceView } from "../core/views.ts";
import type { HubQueries } from "../ports/hub-commands.ts";
import type { Documents } from "../ports/store.ts";
import type { HubState } from "./hub-state.ts";
import type { CommitLookup } from "./look-up-commit.ts";
import type { BundleReader } from "./read-bundle.ts";
import type { Traces } from "./trace.ts";
import type { Views } from "./views.ts";

/** What the hub shows, from memory; only the details of one placement are read from the store. */
export function createQueries(deps: {
  state: HubState;
  views: Views;
  documents: Documents;
  traces: Traces;
  commits: CommitLookup;
  bundles: BundleReader;
  hub: { id: string; version: string; started: number };
  readiness: () => { ready: boolean; waitingFor: readonly string[] };
}): HubQueries {
  const { state, views, documents, traces } = deps;

  const clusters = (): ClusterView[] =>
    [...state.clusters.values()]
      .filter((record) => record.revoked === null)
      .map((record) => views.cluster(record))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  const sources = () =>
    [...state.sources()].map((source) => views.source(source)).sort((a, b) => (formatApp(a) < formatApp(b) ? -1 : 1));
  const apps = () => views.allFacts().map(summarizeApp);

  async function detailOf(cluster: ClusterId, app: AppUid): Promise<ReportDetail | null> {
    const stored = await documents.get({ collection: reportDetails.collection, key: detailKey(cluster, app) });
    return stored === null ? null : reportDetail.parse(stored.value);
  }

  /** Only while it is of the report that is shown: the details of another generation would tell another story. */
  async function tellingDetail(facts: AppFacts, cluster: string | null): Promise<ReportDetail | null> {
    const placement = tellingPlacement(facts, cluster);
    const uid = facts.stored?.uid ?? facts.intent?.app.uid;
    if (placement === null || uid === undefined) return null;
    const detail = await detailOf(placement.cluster.id, uid);
    return detail?.generation === placement.observed?.report?.generation ? detail : null;
  }

  return {
    async status() {
      const { id, version, started } = deps.hub;
      const hub = { id, version, epoch: state.epoch.number, started: new Date(started).toISOString() };
      return { hub, clusters: clusters(), sources: sources(), apps: apps() };
    },
    clusters: async () => clusters(),
    async cluster(name) {
      const record = state.clusterByName(name);
      if (record !== null) return views.cluster(record);
      throw new AppError("not-found", `There is no cluster ${name}.`, {
        fix: "See what there is: muster cluster list",
      });
    },
    sources: async () => sources(),
    async source(name) {
      const source = state.source(name);
      if (source !== null) return views.source(source);
      throw new AppError("not-found", `There is no Source ${formatApp(name)}.`);
    },
    appSets: async () =>
      [...state.appSets()].map((set) => views.appSet(set)).sort((a, b) => (formatApp(a) < formatApp(b) ? -1 : 1)),
    async appSet(name) {
      const set = state.definitions.get(appSetKey(name));
      if (set?.kind === "AppSet") return views.appSet(set);
      throw new AppError("not-found", `There is no AppSet ${formatApp(name)}.`, {
        fix: "See what there is: muster get appset",
      });
    },
    projects: async () =>
      [...state.definitions.values()]
        .flatMap((stored) => (stored.kind === "Project" && !stored.deleted ? [views.project(stored)] : []))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    apps: async () => apps(),
    app: async (name) => detailApp(views.facts(name)),

    async placement(name, clusterName) {
      const facts = views.facts(name);
      const placement = facts.placements.find(({ cluster }) => cluster.name === clusterName);
      const uid = facts.stored?.uid ?? facts.intent?.app.uid;
      if (placement === undefined || uid === undefined) {
        throw new AppError("not-found", `${formatApp(name)} is not on ${clusterName}.`, {
          fix: `See why: muster why ${formatApp(name)} --cluster ${clusterName}`,
        });
      }
      const detail = await detailOf(placement.cluster.id, uid);
      const { objects = [], drift = [], problems = [] } = detail ?? {};
      return { ...viewPlacement(placement), objects, drift, problems };
    },

    async releases(name) {
      return [...views.facts(name).releases.values()].sort((a, b) => b.number - a.number).map(viewRelease);
    },

    bundle: async (name, wanted) => deps.bundles.read(views.facts(name), wanted),

    async why(name, cluster, commit = null) {
      if (cluster !== null && state.clusterByName(cluster) === null) {
        throw new AppError("not-found", `There is no cluster ${cluster}.`, { fix: "See: muster cluster list" });
      }
      const facts = views.facts(name);
      const detail = await tellingDetail(facts, cluster);
      if (commit === null || facts.stored === null) return explain(facts, cluster, detail);
      return explainCommit(facts, await deps.commits.find(facts, commit), { cluster, detail });
    },

    async trace(name: AppName): Promise<readonly TraceView[]> {
      const { stored, intent } = views.facts(name);
      const uid = stored?.uid ?? intent?.app.uid;
      return uid === undefined ? [] : traces.of(uid).map((trace) => structuredClone(trace));
    },

    async approvals() {
      const all = [...state.approvals.values()].sort((one, other) => other.created - one.created);
      return all.map(viewApproval);
    },
    async approval(id) {
      const found = state.approvals.get(id);
      if (found === null) throw noApproval(id);
      return viewApproval(found);
    },

    definitions: async (kind) => definitionsOf(state, kind),
    changed: (signal) => state.nextChange(signal),
    isReady: deps.readiness,
  };
}

function definitionsOf(state: HubState, kind: Definition["kind"]): Definition[] {
  switch (kind) {
    case "App":
    case "Source":
    case "AppSet":
    case "Project":
      return [...state.definitions.entries()]
        .filter(([_key, stored]) => stored.kind === kind && !stored.deleted)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([_key, stored]) => stored.definition);
    case "Cluster":
      return [...state.clusters.values()]
        .filter((record) => record.revoked === null)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, labels }) => ({
          apiVersion: API_VERSION,
          kind: "Cluster",
          metadata: { name, labels },
          spec: { cordon: false },
        }));
    default:
      return assertNever(kind);
  }
}
