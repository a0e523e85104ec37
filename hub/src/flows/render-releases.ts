import type { Clock, Instant } from "@muster/shared/clock.ts";
import { withDeadline } from "@muster/shared/deadline.ts";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppUid, type Digest, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { Rendered } from "../core/advance-intent.ts";
import { gitOf, nameOf, type StoredApp, type StoredSource, sourceOf } from "../core/documents/definition.ts";
import { hasSameContent, type Release, type ReleaseOptions, releaseKey } from "../core/documents/release.ts";
import type { Revision, SourceStatus } from "../core/documents/source-status.ts";
import { judgeFiles, nothingRendered, pathNotFound, placeProblems } from "../core/judge-files.ts";
import { firstSeen, freshIn } from "../core/source-progress.ts";
import { BUNDLE_LIMITS, type Bundler } from "../ports/bundler.ts";
import type { CredentialStore } from "../ports/credentials.ts";
import type { GitRemote, GitSource } from "../ports/git-source.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import type { Blobs } from "../ports/store.ts";
import { remoteOf } from "./git-remotes.ts";
import type { HubState } from "./hub-state.ts";
import { KeyedLoop } from "./keyed-loop.ts";
import type { Traces } from "./trace.ts";

const RENDERS_MAX = 4;
/** Directories compared at once. The answer is one object id, so that they can all be asked for together. */
const COMPARISONS_MAX = 256;
const FILES_MAX = 5_000;
const MEMO_MAX = 2_000;
const GIT_TIMEOUT_MS = 60_000;
const HELD_MS = 5 * 60_000;

/** What became of the newest Revision of an App. In memory: after a restart it is found out again. */
export interface Rendering {
  readonly problems: readonly Problem[];
  /** The last good one; what is in force does not depend on the newest. */
  readonly rendered: Rendered | null;
}

export interface RenderReleases {
  readonly loop: KeyedLoop;
  /** A Source's Revision is another: every App of it whose directory changed is rendered. */
  revisionFound(source: StoredSource, at: { woken: Instant; fetched: Instant }): void;
  of(app: AppUid): Rendering;
  /** Bundles that are being released: the sweep leaves them alone. */
  isHeld(digest: Digest): boolean;
  forget(app: AppUid): void;
}

export interface RenderReleasesDeps {
  readonly state: HubState;
  readonly git: GitSource;
  readonly credentials: CredentialStore;
  readonly bundler: Bundler;
  readonly blobs: Blobs;
  readonly traces: Traces;
  /** Called when there is a new Release, or a render that may lift a pin. */
  readonly onRendered: (app: AppUid) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: HubMetrics;
  readonly log: Log;
}

type BundleFacts = { readonly digest: Digest; readonly objects: number; readonly bytes: number };
type Outcome =
  | { readonly kind: "rendered"; readonly bundle: BundleFacts }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

const NOTHING: Rendering = { problems: [], rendered: null };

/**
 * Revision + App → Bundle → Release. Woken by a Revision or a definition; works on the newest Revision at the moment it
 * runs, so that commits in quick succession neither starve an App nor queue up. A render that fails changes nothing
 * that is in force.
 */
export function renderReleases(deps: RenderReleasesDeps): RenderReleases {
  const { state, clock, metrics, log, traces } = deps;
  const renderings = new Map<AppUid, Rendering>();
  const memo = createMemo();
  const held = new Map<Digest, number>();

  const loop = new KeyedLoop({
    name: "render releases",
    concurrencyMax: RENDERS_MAX,
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
    const status = state.sourceStatuses.get(`${project}/${name}`);
    const revision = status?.revision ?? null;
    const apps = [...state.appsOf({ project, name })];
    if (status === null || revision === null) return;
    try {
      const repository = await remoteOf(source, deps.credentials, { signal: AbortSignal.timeout(GIT_TIMEOUT_MS) });
      for (let from = 0; from < apps.length; from += COMPARISONS_MAX) {
        const some = apps.slice(from, from + COMPARISONS_MAX);
        const trees = await Promise.all(
          some.map((app) => deps.git.treeOf(repository, revision.commit, app.definition.spec.source.path)),
        );
        for (const [index, app] of some.entries()) {
          if (isUntouched(app, trees[index] ?? null)) continue;
          traces.begin(app.uid, revision.commit, at);
          traces.mark(app.uid, "compared", clock.now());
          loop.wake(app.uid);
        }
      }
    } catch (error) {
      log.debug({ source: `${project}/${name}`, err: error }, "directories not compared; each app is looked at");
      for (const app of apps) loop.wake(app.uid);
    }
  }

  /** What is in force is what this tree gives, nothing is wrong, and no pin waits for a Revision that meets it. */
  function isUntouched(app: StoredApp, tree: string | null): boolean {
    const rendering = renderings.get(app.uid);
    return (
      tree !== null &&
      rendering !== undefined &&
      rendering.rendered !== null &&
      rendering.problems.length === 0 &&
      state.newestRelease(app.uid)?.input.tree === tree &&
      state.intents.get(app.uid)?.pin === null
    );
  }

  async function renderApp(app: StoredApp, signal: AbortSignal): Promise<void> {
    const source = state.source(sourceOf(app));
    const { project, name } = sourceOf(app);
    const status = source === null ? null : state.sourceStatuses.get(`${project}/${name}`);
    const isOfSource =
      source !== null && status?.url === gitOf(source).url && status.branch === gitOf(source).ref.branch;
    if (source === null || status === null || !isOfSource || status.revision === null) return;
    const { revision } = status;
    const began = clock.now();
    const repository = await remoteOf(source, deps.credentials, { signal: AbortSignal.timeout(GIT_TIMEOUT_MS) });
    const { path } = app.definition.spec.source;
    const tree = await deps.git.treeOf(repository, revision.commit, path);
    traces.mark(app.uid, "compared", clock.now());
    metrics.took("compare", clock.now() - began);

    const where = { repository: repository.url, commit: revision.commit, path };
    if (tree === null) return refuse(app, [pathNotFound(formatApp(nameOf(app)), path)], where);

    const newest = state.newestRelease(app.uid);
    // An equal directory gives equal objects, whatever has become of the bundler since: an upgrade of Muster alone
    // changes no cluster.
    const outcome: Outcome =
      newest?.input.tree === tree
        ? { kind: "rendered", bundle: newest.bundle }
        : await renderTree(app, repository, tree, signal);
    traces.mark(app.uid, "rendered", clock.now());
    if (outcome.kind === "invalid") return refuse(app, outcome.problems, where);
    await release(app, source, { status, revision, tree, bundle: outcome.bundle });
  }

  /** Renders a directory, or remembers what it gave. The bundle is stored when this resolves, and held. */
  async function renderTree(app: StoredApp, repository: GitRemote, tree: string, stop: AbortSignal): Promise<Outcome> {
    const memoKey = `${tree} ${deps.bundler.kind} ${deps.bundler.version}`;
    const known = memo.get(memoKey);
    // Held before it is looked for: the sweep may be at it. A bundle that was swept since is rendered again.
    if (known?.kind === "rendered") holdAWhile(known.bundle.digest, stop);
    if (known && (known.kind === "invalid" || (await deps.blobs.has(known.bundle.digest)))) {
      metrics.count("renders-memoised");
      return known;
    }
    const began = clock.now();
    const signal = withDeadline(GIT_TIMEOUT_MS, stop);
    const outcome = await renderFiles(deps, app, repository, tree, signal, async (bundle) => {
      metrics.took("render", clock.now() - began);
      const storing = clock.now();
      holdAWhile(bundle.digest, stop);
      await deps.blobs.put(bundle.digest, bundle.compressed);
      metrics.took("store", clock.now() - storing);
    });
    // That nothing was found is told with the App's own name, and found again at once.
    if (!isNothing(outcome)) memo.set(memoKey, outcome);
    return outcome;
  }

  /** Long enough for the bundle to be stored and for the Release that names it to be written. */
  function holdAWhile(digest: Digest, stop: AbortSignal): void {
    hold(digest, 1);
    clock.sleep(HELD_MS, stop).then(
      () => hold(digest, -1),
      () => hold(digest, -1),
    );
  }

  function hold(digest: Digest, by: number): void {
    const count = (held.get(digest) ?? 0) + by;
    if (count > 0) held.set(digest, count);
    else held.delete(digest);
  }

  function refuse(app: StoredApp, problems: readonly Problem[], where: Parameters<typeof placeProblems>[1]): void {
    metrics.count("render-refusals");
    const placed = placeProblems(problems, where);
    const before = renderings.get(app.uid) ?? NOTHING;
    renderings.set(app.uid, { ...before, problems: placed });
    log.warn(
      { app: formatApp(nameOf(app)), commit: where.commit, code: placed[0]?.code, problems: placed.length },
      "revision not rendered; the last good release stays",
    );
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

  async function release(app: StoredApp, source: StoredSource, found: FoundContent): Promise<void> {
    const { revision, status, bundle } = found;
    const newest = state.newestRelease(app.uid);
    const options = optionsOf(app);
    // Noted before the Release: whoever sees the Release finds what it was rendered from.
    const hadProblems = (renderings.get(app.uid)?.problems.length ?? 0) > 0;
    renderings.set(app.uid, {
      problems: [],
      rendered: {
        commit: revision.commit,
        revision: revision.number,
        firstSeen: firstSeen(status, revision),
        digest: bundle.digest,
        freshIn: freshIn(status, revision),
      },
    });
    const isNew = newest === null || !hasSameContent({ bundle, options }, newest);
    if (isNew) {
      const made = makeRelease(deps, app, source, found, { newest, options });
      await state.releases.write(releaseKey(app.uid, made.number), (current) => current ?? made);
      metrics.count("releases");
      traces.released(app.uid, revision.commit, made.number, clock.now());
      const ids = { app: formatApp(nameOf(app)), release: made.number, commit: revision.commit };
      log.info({ ...ids, digest: bundle.digest, cause: made.cause.kind }, "release made");
    }
    if (hadProblems) state.notifyChange();
    deps.onRendered(app.uid);
  }

  return {
    loop,
    revisionFound(source, at) {
      compareAll(source, at).catch((error: unknown) => log.error({ err: error }, "a revision was not compared"));
    },
    of: (app) => renderings.get(app) ?? NOTHING,
    isHeld: (digest) => held.has(digest),
    forget: (app) => void renderings.delete(app),
  };
}

interface FoundContent {
  readonly status: SourceStatus;
  readonly revision: Revision;
  readonly tree: string;
  readonly bundle: BundleFacts;
}

const optionsOf = ({ definition: { spec } }: StoredApp): ReleaseOptions => ({
  destination: spec.destination,
  sync: spec.sync,
});

function makeRelease(
  { bundler, clock }: RenderReleasesDeps,
  app: StoredApp,
  source: StoredSource,
  { revision, tree, bundle }: FoundContent,
  { newest, options }: { newest: Release | null; options: ReleaseOptions },
): Release {
  const git = gitOf(source);
  const isSameBundle = newest?.bundle.digest === bundle.digest;
  return {
    app: app.uid,
    number: (newest?.number ?? 0) + 1,
    input: {
      repository: git.url,
      branch: git.ref.branch,
      commit: revision.commit,
      revision: revision.number,
      subject: revision.subject,
      author: revision.author,
      committedAt: revision.committedAt,
      path: app.definition.spec.source.path,
      tree,
      renderer: { kind: bundler.kind, version: bundler.version },
    },
    options,
    bundle,
    cause: isSameBundle
      ? { kind: "definition", detail: "destination or sync options changed" }
      : { kind: "commit", detail: `${revision.commit.slice(0, 7)} ${revision.subject}`.slice(0, 300) },
    created: clock.now(),
  };
}

async function renderFiles(
  { git, bundler, metrics }: RenderReleasesDeps,
  app: StoredApp,
  repository: GitRemote,
  tree: string,
  signal: AbortSignal,
  store: (bundle: { digest: Digest; compressed: Uint8Array }) => Promise<void>,
): Promise<Outcome> {
  const limits = BUNDLE_LIMITS;
  const appName = formatApp(nameOf(app));
  const { path } = app.definition.spec.source;
  try {
    const listed = await git.listFiles(repository, tree, { filesMax: FILES_MAX });
    const { manifests, problems } = judgeFiles(listed, limits);
    if (problems.length > 0) return { kind: "invalid", problems };
    if (manifests.length === 0) return { kind: "invalid", problems: [nothingRendered(appName, path)] };
    const oids = manifests.map((file) => file.oid);
    const contents = await git.readFiles(repository, oids, { bytesMax: limits.bundleBytesMax });
    const files = manifests.map((file, index) => ({ path: file.path, bytes: contents[index] ?? new Uint8Array() }));
    metrics.count("renders");
    const result = await bundler.bundle({ files, limits }, { signal });
    if (result.kind === "invalid") {
      // The bundler cannot know of which App this is, nor what stays.
      return isNothing(result) ? { kind: "invalid", problems: [nothingRendered(appName, path)] } : result;
    }
    const { digest, objects, bytes, compressed } = result.bundle;
    if (objects.length === 0) return { kind: "invalid", problems: [nothingRendered(appName, path)] };
    await store({ digest, compressed });
    return { kind: "rendered", bundle: { digest, objects: objects.length, bytes } };
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    const fix = "Split the directory into several Apps.";
    return { kind: "invalid", problems: [{ code: "BundleTooLarge", message: error.message, where: {}, fix }] };
  }
}

const isNothing = (outcome: { readonly kind: string; readonly problems?: readonly Problem[] }): boolean =>
  outcome.problems?.every((problem) => problem.code === "NothingRendered") ?? false;

/** What a directory gave, by its object id and the bundler's version: the least recently used go first. */
function createMemo(): { get(key: string): Outcome | undefined; set(key: string, outcome: Outcome): void } {
  const known = new Map<string, Outcome>();
  return {
    get(key) {
      const found = known.get(key);
      if (found !== undefined) {
        known.delete(key);
        known.set(key, found);
      }
      return found;
    },
    set(key, outcome) {
      known.set(key, outcome);
      const [oldest] = known.keys();
      if (known.size > MEMO_MAX && oldest !== undefined) known.delete(oldest);
    },
  };
}
