import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppUid, type ClusterId, type CommitId, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { gitOf, nameOf, type StoredApp, type StoredSource, sourceOf } from "../core/documents/definition.ts";
import { type LateVariant, lateVariantKey, type Release } from "../core/documents/release.ts";
import { locateProblems } from "../core/locate-problems.ts";
import { judgeObjects } from "../core/policy.ts";
import type { Variant } from "../core/variants.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import type { SourceTree } from "../ports/source-tree.ts";
import type { HubState } from "./hub-state.ts";
import { KeyedLoop } from "./keyed-loop.ts";
import type { Mirror } from "./mirror.ts";
import type { HeldBundles } from "./render/held-bundles.ts";
import type { ReleaseContents } from "./render/release-contents.ts";
import { openTrees, repositoryOf } from "./render/render-inputs.ts";
import type { RenderedVariant, VariantRenderer } from "./render/render-variant.ts";
import { renderOne, toEntry } from "./render/render-variants.ts";
import type { ChartSupply } from "./render/supply-charts.ts";
import { placedClusters } from "./render/variant-clusters.ts";

const RELEASES_MAX = 2;

export interface LateVariants {
  readonly loop: KeyedLoop;
  /** Some cluster is to get a Release that lacks its variant. */
  need(app: AppUid, release: number): void;
  /** Why a cluster's variant of a Release cannot be rendered; null while nothing is wrong. */
  problemOf(app: AppUid, cluster: ClusterId): Problem | null;
}

/**
 * Release + a cluster it was not made for → Bundle, from the Release's own frozen inputs: the commit, the charts and the
 * spec it was made from, whatever Git says now.
 */
export function renderLateVariants(deps: {
  state: HubState;
  lateVariants: Mirror<LateVariant>;
  openTree: (source: StoredSource, commit: CommitId) => Promise<SourceTree>;
  renderer: VariantRenderer;
  charts: ChartSupply;
  contents: ReleaseContents;
  held: HeldBundles;
  /** The clusters that waited can be planned. */
  onRendered: (app: AppUid) => void;
  clock: Clock;
  random: () => number;
  metrics: HubMetrics;
  log: Log;
}): LateVariants {
  const { state, log, clock } = deps;
  const problems = new Map<AppUid, Map<ClusterId, Problem>>();

  const loop = new KeyedLoop({
    name: "render late variants",
    concurrencyMax: RELEASES_MAX,
    fairness: {
      groupOf: (key) => repositoryOf(state, key.slice(0, key.lastIndexOf("/")) as AppUid),
      spare: RELEASES_MAX,
    },
    clock,
    random: deps.random,
    log,
    onFailure: () => deps.metrics.count("work-failures"),
    work: async (key, signal) => {
      const [uid, number] = key.split("/") as [AppUid, string];
      const app = state.appByUid(uid);
      const release = state.releasesOf(uid).get(Number(number));
      if (app !== null && release !== undefined) await renderMissing(app, release, signal);
    },
  });

  async function renderMissing(app: StoredApp, release: Release, signal: AbortSignal): Promise<void> {
    const wrong = new Map<ClusterId, Problem>();
    const missing = new Map<string, { variant: Variant; clusters: ClusterId[] }>();
    const at = {
      app: formatApp(nameOf(app)),
      repository: release.input.repository,
      commit: release.input.commit,
      path: release.input.path,
    };
    const contents = await deps.contents.of(release, placedClusters(state, app));
    for (const [cluster, content] of contents) {
      if (content.kind === "invalid")
        wrong.set(cluster, told({ code: "RenderFailed", message: content.message, where: {} }, at));
      if (content.kind !== "missing") continue;
      const { variant } = content;
      const known = missing.get(variant.key);
      if (known) known.clusters.push(cluster);
      else missing.set(variant.key, { variant, clusters: [cluster] });
    }
    problems.set(app.uid, wrong);
    if (missing.size === 0) return;
    const job = await jobOf(app, release);
    for (const { variant, clusters } of missing.values()) {
      const outcome = await renderOne(deps.renderer, job, variant, {
        signal,
        hold: (digest) => deps.held.hold(digest, signal),
      });
      const refused = outcome.kind === "invalid" ? outcome.problems : forbiddenIn(app, release, variant, outcome);
      if (outcome.kind === "invalid" || refused.length > 0) {
        const problem = told(refused[0] as Problem, at);
        for (const cluster of clusters) wrong.set(cluster, problem);
        log.warn(
          { ...at, release: release.number, clusters: clusters.length, code: problem.code },
          "variant not rendered",
        );
        continue;
      }
      const { app: uid, number } = release;
      await deps.lateVariants.write(lateVariantKey(uid, number, variant.key), (current) => {
        const made = { app: uid, number, variant: toEntry(variant, outcome), renderer: outcome.renderer.version };
        return current ?? made;
      });
      log.info(
        { app: at.app, release: number, clusters: clusters.length, renderer: outcome.renderer.version },
        "variant rendered later",
      );
      deps.onRendered(uid);
    }
    state.notifyChange();
  }

  async function jobOf(app: StoredApp, release: Release): Promise<Parameters<typeof renderOne>[1]> {
    const { spec, commit, others, repository } = release.input;
    const source = state.source(sourceOf(app));
    if (spec === null || source === null || gitOf(source).url !== repository) {
      throw new Error(
        `r${release.number} of ${formatApp(nameOf(app))} was made from ${repository}, which its Source has left`,
      );
    }
    const trees = await openTrees({ source, revision: { commit }, others }, { state, openTree: deps.openTree });
    return {
      spec,
      trees,
      chart: deps.charts.frozen(release),
      appName: app.definition.metadata.name,
      fairnessKey: repository,
      known: () => null,
      knownRenderer: "",
    };
  }

  return {
    loop,
    need: (app, release) => loop.wake(`${app}/${release}`),
    problemOf: (app, cluster) => problems.get(app)?.get(cluster) ?? null,
  };
}

/** By what was allowed when the Release was made: the agent judges by the same. */
const forbiddenIn = (
  app: StoredApp,
  { options }: Release,
  { input }: Variant,
  { scopes }: RenderedVariant,
): readonly Problem[] =>
  judgeObjects(options.policy, nameOf(app).project, { scopes: scopes ?? [], namespace: input.namespace });

const told = (problem: Problem, at: Parameters<typeof locateProblems>[1]): Problem => {
  const [located] = locateProblems([problem], at);
  return located ?? problem;
};
