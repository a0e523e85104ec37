import { type AppUid, formatApp } from "@muster/shared/model/ids.ts";
import type { Policy } from "@muster/shared/model/policy.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import { nameOf, type StoredApp, type StoredSource, sourceOf } from "../core/documents/definition.ts";
import type { Release } from "../core/documents/release.ts";
import {
  judgeApp,
  judgeAppCount,
  judgeObjects,
  judgeQuota,
  judgeSource,
  judgeSuspended,
  type ObjectScope,
  type ProjectRules,
  policyOf,
  projectMissing,
  takenOver,
} from "../core/policy.ts";
import { otherSources } from "../core/variants.ts";
import type { HubState } from "./hub-state.ts";
import type { ReleaseContents } from "./render/release-contents.ts";

/** Remembered of how many Apps what their last commit took: rendered again it takes nothing. */
const TIMES_MAX = 1_000;

/** What a render of one variant came to, as far as a Project is concerned. */
export interface JudgedVariant {
  readonly namespace: string;
  readonly objects: number;
  readonly bytes: number;
  /** Null: the very bundle that the latest Release holds, judged when that was made. */
  readonly scopes: readonly ObjectScope[] | null;
  readonly tookMs: number;
}

/** Holds Sources and Apps to what their Project allows, by what is defined at the moment of asking. */
export interface ProjectGate {
  /** Before a Source's remote is contacted. */
  judgeSource(source: StoredSource): readonly Problem[];
  /** Before anything is rendered: suspended, Sources, chart, namespaces, the number of Apps. */
  judgeApp(app: StoredApp): readonly Problem[];
  /** After: objects, and the rest of the quota. */
  judgeRendered(
    app: StoredApp,
    rendered: { readonly commit: string; readonly variants: readonly JudgedVariant[] },
  ): Promise<readonly Problem[]>;
  /** What of it is frozen into a Release, and goes to the agents with it. */
  steeringOf(app: StoredApp): Steering;
  /** Whether a Release was judged by what is allowed now: then what is the same needs no second look. */
  isJudged(app: StoredApp, release: Release | null): boolean;
}

export interface Steering {
  readonly policy?: Policy;
  readonly takesOverFrom?: string[];
}

export function createProjectGate(deps: {
  readonly state: HubState;
  readonly contents: Pick<ReleaseContents, "tableOf">;
  /** Whether a Project that nobody defined is an error, and not one without limits. */
  readonly requireProjects: boolean;
}): ProjectGate {
  const { state } = deps;
  const times = new Map<AppUid, { readonly key: string; readonly tookMs: number }>();

  const isMissing = (rules: ProjectRules): boolean => deps.requireProjects && rules === null;

  function judgeStoredSource(source: StoredSource): readonly Problem[] {
    const { project } = nameOf(source);
    const rules = state.rulesOf(project);
    return isMissing(rules) ? [projectMissing(project)] : judgeSource(rules, source.definition);
  }

  /** The same commit is not rendered twice in one process; what it took the first time is what it takes. */
  function renderSecondsOf(app: StoredApp, commit: string, variants: readonly JudgedVariant[]): number {
    const key = `${commit} ${app.changes}`;
    const now = variants.reduce((sum, { tookMs }) => sum + tookMs, 0);
    const before = times.get(app.uid);
    const tookMs = before?.key === key ? Math.max(before.tookMs, now) : now;
    times.delete(app.uid);
    times.set(app.uid, { key, tookMs });
    const [oldest] = times.keys();
    if (times.size > TIMES_MAX && oldest !== undefined) times.delete(oldest);
    return tookMs / 1_000;
  }

  /** Objects and bytes of the newest Releases of the other Apps, each variant once. */
  async function useOfOthers(app: StoredApp): Promise<{ objects: number; bytes: number }> {
    const sum = { objects: 0, bytes: 0 };
    for (const other of [...state.appsIn(nameOf(app).project)]) {
      const newest = other.uid === app.uid ? null : state.newestRelease(other.uid);
      if (newest === null) continue;
      const bundles =
        newest.bundle !== null
          ? [newest.bundle]
          : ((await deps.contents.tableOf(newest))?.variants ?? []).map(({ bundle }) => bundle);
      for (const bundle of bundles) {
        sum.objects += bundle?.objects ?? 0;
        sum.bytes += bundle?.bytes ?? 0;
      }
    }
    return sum;
  }

  function appsBefore(app: StoredApp): number {
    let before = 0;
    for (const other of state.appsIn(nameOf(app).project)) if (isOlder(other, app)) before += 1;
    return before;
  }

  return {
    judgeSource: judgeStoredSource,

    judgeApp(app) {
      const { project } = nameOf(app);
      const rules = state.rulesOf(project);
      if (isMissing(rules)) return [projectMissing(project)];
      if (rules === null) return judgeApp(null, app.definition);
      const suspended = judgeSuspended(rules, project);
      if (suspended !== null) return [suspended];
      const names = [sourceOf(app), ...otherSources(app.definition.spec).map((name) => ({ project, name }))];
      const sources = names.flatMap((name) => state.source(name) ?? []);
      const tooMany =
        rules.quota.apps === undefined
          ? null
          : judgeAppCount(rules, project, { app: formatApp(nameOf(app)), appsBefore: appsBefore(app) });
      return [
        ...(tooMany === null ? [] : [tooMany]),
        ...sources.flatMap((source) => judgeSource(rules, source.definition)),
        ...judgeApp(rules, app.definition),
      ];
    },

    async judgeRendered(app, { commit, variants }) {
      const { project } = nameOf(app);
      const rules = state.rulesOf(project);
      if (rules === null) return [];
      const policy = policyOf(rules);
      const forbidden = new Map<string, Problem>();
      for (const { scopes, namespace } of variants) {
        for (const problem of judgeObjects(policy, project, { scopes: scopes ?? [], namespace })) {
          forbidden.set(problem.message, problem);
        }
      }
      if (forbidden.size > 0) return [...forbidden.values()];
      const { quota } = rules;
      const renderSeconds = renderSecondsOf(app, commit, variants);
      const isCounted = quota.objects !== undefined || quota.bundleBytes !== undefined;
      const others = isCounted ? await useOfOthers(app) : { objects: 0, bytes: 0 };
      return judgeQuota(rules, project, {
        app: formatApp(nameOf(app)),
        appsBefore: 0,
        objects: { others: others.objects, own: variants.reduce((sum, { objects }) => sum + objects, 0) },
        bundleBytes: { others: others.bytes, own: variants.reduce((sum, { bytes }) => sum + bytes, 0) },
        renderSeconds,
      });
    },

    steeringOf(app) {
      const policy = policyOf(state.rulesOf(nameOf(app).project));
      const takesOverFrom = [...takenOver(app.definition)];
      return {
        ...(policy === undefined ? {} : { policy }),
        ...(takesOverFrom.length === 0 ? {} : { takesOverFrom }),
      };
    },

    isJudged(app, release) {
      if (release === null) return true;
      const policy = policyOf(state.rulesOf(nameOf(app).project));
      return stableJson(policy ?? null) === stableJson(release.options.policy ?? null);
    },
  };
}

const isOlder = (one: StoredApp, other: StoredApp): boolean =>
  one.created !== other.created ? one.created < other.created : one.uid < other.uid;
