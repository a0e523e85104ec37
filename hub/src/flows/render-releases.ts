import { setImmediate as breathe } from "node:timers/promises";
import type { Clock, Instant } from "@muster/shared/clock.ts";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppUid, type CommitId, type Digest, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import type { Rendered } from "../core/advance-intent.ts";
import { gitOf, nameOf, type StoredApp, type StoredSource } from "../core/documents/definition.ts";
import { type Release, releaseKey } from "../core/documents/release.ts";
import { locateProblems } from "../core/locate-problems.ts";
import { firstSeen, freshIn } from "../core/source-progress.ts";
import { renderSpecOf } from "../core/variants.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import type { SourceTree } from "../ports/source-tree.ts";
import type { Blobs } from "../ports/store.ts";
import type { HubState } from "./hub-state.ts";
import { KeyedLoop } from "./keyed-loop.ts";
import type { JudgedVariant, ProjectGate } from "./project-gate.ts";
import type { CoverEntry } from "./render/closure.ts";
import { type Composed, causeOf, composeRelease, finish, isSameAs, variantsIn } from "./render/compose-release.ts";
import type { HeldBundles } from "./render/held-bundles.ts";
import type { ReleaseContents } from "./render/release-contents.ts";
import { findOrigin, openTrees, type RenderOrigin, repositoryOf } from "./render/render-inputs.ts";
import { directoryOf, type VariantRenderer } from "./render/render-variant.ts";
import {
  type AppJob,
  type AppOutcome,
  knownVariants,
  type RenderedApp,
  renderVariants,
} from "./render/render-variants.ts";
import type { ChartSupply } from "./render/supply-charts.ts";
import { dependsOnClusters, placedClusters } from "./render/variant-clusters.ts";
import type { Traces } from "./trace.ts";

const RENDERS_MAX = 4;
/** For repositories of which nothing is rendered, while others take long. */
const RENDERS_SPARE = 4;
/** Apps compared with a commit at once: each asks for a few object ids, so that they can all be asked for together. */
const COMPARISONS_MAX = 128;
const COVER_KEPT_MAX = 256;
const NOTICES_MAX = 8;
/** What another moment may mend, with no commit: a chart that is published later, a machine that was too busy. */
const MAY_PASS: ReadonlySet<Problem["code"]> = new Set(["ChartUnavailable", "RenderTimeout", "RenderMemory"]);
const LOOK_AGAIN_MS = 5 * 60_000;

/** What became of the newest Revision of an App. In memory: after a restart it is found out again. */
export interface Rendering {
  readonly problems: readonly Problem[];
  /** Not wrong, but worth knowing. */
  readonly notices: readonly Problem[];
  /** Those of them that say why there is no variant for some clusters that do not run the App yet. */
  readonly leftOut: readonly Problem[];
  /** The last good one; what is in force does not depend on the newest. */
  readonly rendered: Rendered | null;
  /** What was read for it, all variants together: while it has the same object ids there is nothing to render. */
  readonly cover: readonly CoverEntry[];
}

export interface RenderReleases {
  readonly loop: KeyedLoop;
  /** A Source's Revision is another: every App that it changes anything for is rendered. */
  revisionFound(source: StoredSource, at: { woken: Instant; fetched: Instant }): void;
  of(app: AppUid): Rendering;
  forget(app: AppUid): void;
}

export interface RenderReleasesDeps {
  readonly state: HubState;
  readonly openTree: (source: StoredSource, commit: CommitId) => Promise<SourceTree>;
  readonly renderer: VariantRenderer;
  readonly projects: ProjectGate;
  readonly charts: ChartSupply;
  readonly contents: ReleaseContents;
  readonly held: HeldBundles;
  readonly blobs: Pick<Blobs, "put">;
  readonly traces: Traces;
  /** Called when there is a new Release, or a render that may lift a pin. */
  readonly onRendered: (app: AppUid) => void;
  /** An App is to be rendered once more at that time, whatever happens until then. */
  readonly lookAgain: (app: AppUid, at: Instant) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: HubMetrics;
  readonly log: Log;
}

const NOTHING: Rendering = { problems: [], notices: [], leftOut: [], rendered: null, cover: [] };

/**
 * Revision + App → Bundles → Release. Woken by a Revision, a definition, or a cluster; works on the newest of each at
 * the moment it runs, so that commits in quick succession neither starve an App nor queue up. A render that fails
 * changes nothing that is in force.
 */
export function renderReleases(deps: RenderReleasesDeps): RenderReleases {
  const { state, clock, metrics, log, traces } = deps;
  const renderings = new Map<AppUid, Rendering>();

  const loop = new KeyedLoop({
    name: "render releases",
    concurrencyMax: RENDERS_MAX,
    fairness: { groupOf: (key) => repositoryOf(state, key as AppUid), spare: RENDERS_SPARE },
    clock,
    random: deps.random,
    log,
    onFailure: () => metrics.count("work-failures"),
    work: async (key, signal) => {
      const app = state.appByUid(key as AppUid);
      if (app === null) return;
      try {
        await renderApp(app, signal);
      } catch (error) {
        if (!signal.aborted) noteFailure(app, error);
        throw error;
      }
    },
  });

  /**
   * Finds the Apps that a commit touches before any is rendered, so that one among a thousand does not wait for the
   * others to be looked at. When that fails, each App is left to find out for itself, with its own retries.
   */
  async function compareAll(source: StoredSource, at: { woken: Instant; fetched: Instant }): Promise<void> {
    const { project, name } = nameOf(source);
    const revision = state.sourceStatuses.get(`${project}/${name}`)?.revision ?? null;
    const apps = [...state.appsOf({ project, name })];
    if (revision === null) return;
    try {
      const began = clock.now();
      const tree = await deps.openTree(source, revision.commit);
      for (let from = 0; from < apps.length; from += COMPARISONS_MAX) {
        const some = apps.slice(from, from + COMPARISONS_MAX);
        const untouched = await Promise.all(some.map((app) => isUntouched(app, name, tree)));
        for (const [index, app] of some.entries()) {
          if (untouched[index]) continue;
          traces.begin(app.uid, revision.commit, at);
          traces.mark(app.uid, "compared", clock.now());
          loop.wake(app.uid);
        }
        // What is in memory is answered without a pause: a thousand Apps would hold up everybody else.
        await breathe();
      }
      metrics.took("compare", clock.now() - began);
    } catch (error) {
      log.debug({ source: `${project}/${name}`, err: error }, "nothing compared; each app is looked at");
      for (const app of apps) loop.wake(app.uid);
    }
  }

  /**
   * All that its renders read is the same, nothing is wrong, no other commit is being rendered (this one may take it
   * back), and no pin waits for a Revision that meets it.
   */
  async function isUntouched(app: StoredApp, source: string, tree: SourceTree): Promise<boolean> {
    if (loop.isBusy(app.uid)) return false;
    const rendering = renderings.get(app.uid);
    if (rendering?.rendered == null || rendering.problems.length > 0 || rendering.cover.length === 0) return false;
    if (state.intents.get(app.uid)?.pin != null) return false;
    const isOwn = app.definition.spec.source.name === source;
    const cover = rendering.cover.filter((entry) => entry.source === source || (isOwn && entry.source === ""));
    const found = await Promise.all(cover.map(async ({ path }) => (await tree.entry(path))?.oid ?? null));
    return cover.every(({ oid }, index) => oid === found[index]);
  }

  async function renderApp(app: StoredApp, signal: AbortSignal): Promise<void> {
    const where = { repository: "", commit: "", path: app.definition.spec.source.path };
    const forbidden = deps.projects.judgeApp(app);
    if (forbidden.length > 0) return refuse(app, forbidden, where);
    const origin = findOrigin(state, app);
    if (origin.kind === "waiting") return;
    if (origin.kind === "invalid") return refuse(app, origin.problems, where);
    where.repository = gitOf(origin.source).url;
    where.commit = origin.revision.commit;
    const clusters = [...placedClusters(state, app)];
    const spec = renderSpecOf(app.definition.spec);
    const newest = state.newestRelease(app.uid);
    const table = newest === null ? null : await deps.contents.tableOf(newest);
    const before = newest === null ? [] : variantsIn(newest, table);
    const trees = await openTrees(origin, { state, openTree: deps.openTree });
    const chart = await deps.charts.of(app, { latest: newest, signal });
    if (chart.kind === "invalid") return refuse(app, chart.problems, where);
    // What another policy let pass, or another chart gave, is looked at again, even if the files are the same.
    const isKnown =
      deps.projects.isJudged(app, newest) && stableJson(newest?.input.charts) === stableJson(chart.frozen);
    const { outcome, leftOut } = await renderClusters(app, signal, {
      spec,
      clusters,
      trees,
      chart: chart.chart,
      appName: app.definition.metadata.name,
      fairnessKey: where.repository,
      ...(isKnown ? knownVariants(newest, before) : knownVariants(null, [])),
    });
    traces.mark(app.uid, "rendered", clock.now());
    if (outcome.kind === "invalid") return refuse(app, outcome.problems, where);
    // It differs from cluster to cluster, and there is none: nothing says what to render, and nothing is wrong.
    if (outcome.variants.length === 0) return forgive(app);
    const tooMuch = await deps.projects.judgeRendered(app, judgedOf(outcome, where.commit));
    if (tooMuch.length > 0) return refuse(app, tooMuch, where);
    const tree = (await trees.get("")?.entry(directoryOf(spec.source)))?.oid ?? "";
    const steering = deps.projects.steeringOf(app);
    const composed = composeRelease(app, origin, outcome, { tree, charts: chart.frozen, steering });
    const told = { ...where, app: formatApp(nameOf(app)) };
    await release(app, origin, {
      outcome,
      composed,
      newest,
      before,
      notices: chart.notices,
      leftOut: locateProblems(leftOut, told),
    });
  }

  /**
   * All variants; when one cannot be made, those of the clusters that run the App already. A cluster that was registered
   * before its label is set, or its values file is there, keeps no commit from the others: it waits for its own.
   */
  async function renderClusters(
    app: StoredApp,
    signal: AbortSignal,
    job: AppJob,
  ): Promise<{ outcome: AppOutcome; leftOut: readonly Problem[] }> {
    const opts = { signal, hold: (digest: Digest) => deps.held.hold(digest, signal) };
    const outcome = await renderVariants(deps.renderer, job, opts);
    if (outcome.kind === "rendered" || !dependsOnClusters(app)) return { outcome, leftOut: [] };
    const entries = state.entriesOf(app.uid);
    const running = job.clusters.filter(({ id }) => entries.get(id)?.content.kind === "run");
    if (running.length === 0 || running.length === job.clusters.length) return { outcome, leftOut: [] };
    const ofRunning = await renderVariants(deps.renderer, { ...job, clusters: running }, opts);
    return { outcome: ofRunning, leftOut: ofRunning.kind === "rendered" ? outcome.problems : [] };
  }

  async function release(app: StoredApp, origin: RenderOrigin, found: FoundContent): Promise<void> {
    const { composed, outcome, newest, before, leftOut } = found;
    const isNew = newest === null || !(await isSame(composed, newest, app));
    const number = (newest?.number ?? 0) + (isNew ? 1 : 0);
    const pinned = state.intents.get(app.uid)?.pin ?? null;
    const pinnedRelease = pinned === null ? undefined : state.releasesOf(app.uid).get(pinned.release);
    const meetsPin = pinnedRelease !== undefined && (await isSameContent(composed, pinnedRelease, app));
    if (isNew && composed.table !== null) {
      deps.held.hold(composed.table.name, null);
      await deps.blobs.put(composed.table.name, composed.table.bytes);
    }
    // Noted before the Release: whoever sees the Release finds what it was rendered from.
    const { problems, notices } = renderings.get(app.uid) ?? NOTHING;
    const { status, revision } = origin;
    renderings.set(app.uid, {
      problems: [],
      notices: [...leftOut, ...found.notices, ...renderNotices(outcome, renderings.get(app.uid))].slice(0, NOTICES_MAX),
      leftOut,
      // What those who were left out read is not known: the next commit may mend it wherever it is.
      cover: leftOut.length > 0 ? [] : unionOfCovers(outcome),
      rendered: {
        commit: revision.commit,
        revision: revision.number,
        firstSeen: firstSeen(status, revision),
        sameAs: [number, ...(meetsPin && pinnedRelease ? [pinnedRelease.number] : [])],
        freshIn: freshIn(status, revision),
      },
    });
    if (isNew) {
      const after = outcome.variants.map(({ entry }) => entry);
      const made = finish(composed, {
        number,
        cause: causeOf(composed, newest, { before, after }),
        now: clock.now(),
      });
      await state.releases.write(releaseKey(app.uid, made.number), (current) => current ?? made);
      metrics.count("releases");
      traces.released(app.uid, revision.commit, made.number, clock.now());
      const ids = { app: formatApp(nameOf(app)), release: made.number, commit: revision.commit };
      log.info({ ...ids, digest: made.bundle?.digest, variants: after.length, cause: made.cause.kind }, "release made");
    }
    const now = renderings.get(app.uid)?.notices ?? [];
    if (problems.length > 0 || stableJson(now) !== stableJson(notices)) state.notifyChange();
    deps.onRendered(app.uid);
  }

  async function isSame(composed: Composed, latest: Release, app: StoredApp): Promise<boolean> {
    return isSameAs(composed, latest, await contentsFor(composed, latest, app));
  }

  /** As `isSame`, whatever the options: a pin is met by what runs. */
  async function isSameContent(composed: Composed, kept: Release, app: StoredApp): Promise<boolean> {
    const alike: Composed = { ...composed, release: { ...composed.release, options: kept.options } };
    return isSameAs(alike, kept, await contentsFor(composed, kept, app));
  }

  const contentsFor = (composed: Composed, release: Release, app: StoredApp): ReturnType<ReleaseContents["of"]> =>
    composed.table === null ? Promise.resolve(new Map()) : deps.contents.of(release, placedClusters(state, app));

  function refuse(
    app: StoredApp,
    problems: readonly Problem[],
    where: Omit<Parameters<typeof locateProblems>[1], "app">,
  ): void {
    metrics.count("render-refusals");
    const located = locateProblems(problems, { ...where, app: formatApp(nameOf(app)) });
    const before = renderings.get(app.uid) ?? NOTHING;
    renderings.set(app.uid, { ...before, problems: located });
    if (problems.some(({ code }) => MAY_PASS.has(code))) {
      deps.lookAgain(app.uid, clock.now() + LOOK_AGAIN_MS * (1 + deps.random()));
    }
    log.warn(
      { app: formatApp(nameOf(app)), commit: where.commit, code: located[0]?.code, problems: located.length },
      "revision not rendered; the last good release stays",
    );
    state.notifyChange();
  }

  function forgive(app: StoredApp): void {
    const before = renderings.get(app.uid);
    if (before === undefined || before.problems.length === 0) return;
    renderings.set(app.uid, { ...before, problems: [] });
    state.notifyChange();
  }

  /** Not the files' fault: it is tried again, and until then whoever asks is told why the newest commit is not there. */
  function noteFailure(app: StoredApp, error: unknown): void {
    const before = renderings.get(app.uid) ?? NOTHING;
    const message = `The newest Revision is not rendered: ${messageOf(error)}`.slice(0, 1_800);
    const fix = isAppError(error) ? error.fix : undefined;
    const problem: Problem = {
      code: "RenderFailed",
      message: `${message}. It is tried again, and what runs stays.`,
      where: { path: app.definition.spec.source.path },
      ...(fix === undefined ? {} : { fix }),
    };
    renderings.set(app.uid, { ...before, problems: [problem] });
    state.notifyChange();
  }

  return {
    loop,
    revisionFound(source, at) {
      compareAll(source, at).catch((error: unknown) => log.error({ err: error }, "a revision was not compared"));
    },
    of: (app) => renderings.get(app) ?? NOTHING,
    forget: (app) => void renderings.delete(app),
  };
}

interface FoundContent {
  readonly outcome: RenderedApp;
  /** Why there is no variant for some clusters that do not run the App yet. */
  readonly leftOut: readonly Problem[];
  readonly composed: Composed;
  readonly newest: Release | null;
  readonly before: ReturnType<typeof variantsIn>;
  readonly notices: readonly Problem[];
}

/** What is known already was not looked at again: what was noticed of it then holds. */
function renderNotices({ variants }: RenderedApp, before: Rendering | undefined): readonly Problem[] {
  const isKnown = variants.every(({ outcome }) => outcome.scopes === null);
  const isOfFiles = (notice: Problem): boolean => notice.code !== "ChartKept" && !before?.leftOut.includes(notice);
  if (isKnown) return (before?.notices ?? []).filter(isOfFiles);
  const notices = new Map<string, Problem>();
  for (const { outcome } of variants) for (const notice of outcome.notices) notices.set(stableJson(notice), notice);
  return [...notices.values()];
}

const judgedOf = (
  { variants }: RenderedApp,
  commit: string,
): { commit: string; variants: readonly JudgedVariant[] } => ({
  commit,
  variants: variants.map(({ entry, outcome }) => {
    const { bundle, scopes, tookMs } = outcome;
    return { namespace: entry.namespace, objects: bundle.objects, bytes: bundle.bytes, scopes, tookMs };
  }),
});

/** Empty when it would be long: the App is then looked at with every commit. */
function unionOfCovers({ variants }: RenderedApp): readonly CoverEntry[] {
  const union = new Map<string, CoverEntry>();
  for (const { entry } of variants) {
    if (entry.cover.length === 0) return [];
    for (const one of entry.cover) union.set(`${one.source}\0${one.path}`, one);
    if (union.size > COVER_KEPT_MAX) return [];
  }
  return [...union.values()];
}
