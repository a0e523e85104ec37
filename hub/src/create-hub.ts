import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import { nameOf } from "./core/documents/definition.ts";
import { stageOf, steersAlike, targetRelease } from "./core/documents/intent.ts";
import type { ObservedShard } from "./core/documents/observed.ts";
import { isCurrent } from "./core/fleet.ts";
import { KUBERNETES_VERSION } from "./core/kubernetes-version.ts";
import { RELEASE_HISTORY_LIMIT } from "./core/plan-retention.ts";
import { REMOVAL_GUARD, type RemovalGuard } from "./core/removal-brake.ts";
import { answerRefusals } from "./flows/answer-refusals.ts";
import { beginEpoch, openEpoch } from "./flows/begin-epoch.ts";
import { brakeRemovals } from "./flows/brake-removals.ts";
import { notingRefs } from "./flows/bundle-refs.ts";
import { createClusterRecords } from "./flows/cluster-records.ts";
import { createCommands } from "./flows/commands/commands.ts";
import { keepDefinitions } from "./flows/definitions/keep-definitions.ts";
import { createAuditDrain } from "./flows/drain-audit.ts";
import { driveRollouts, type RolloutDriver } from "./flows/drive-rollouts.ts";
import { createEnrolment } from "./flows/enroll-agents.ts";
import { guardPrunes } from "./flows/guard-prunes.ts";
import { HubState } from "./flows/hub-state.ts";
import { ingestReports } from "./flows/ingest-reports.ts";
import { createApprovalBook } from "./flows/keep-approvals.ts";
import { createClusterIdentities } from "./flows/know-clusters.ts";
import { createCommitLookup } from "./flows/look-up-commit.ts";
import { openDocuments } from "./flows/open-documents.ts";
import { createProjectGate } from "./flows/project-gate.ts";
import { publishAssignments } from "./flows/publish-assignments.ts";
import { createQueries } from "./flows/queries.ts";
import { createBundleReader } from "./flows/read-bundle.ts";
import { createHeldBundles } from "./flows/render/held-bundles.ts";
import { createTreeOpener } from "./flows/render/open-tree.ts";
import { createReleaseContents } from "./flows/render/release-contents.ts";
import { createVariantRenderer } from "./flows/render/render-variant.ts";
import { CHART_POLL_MS, createChartSupply } from "./flows/render/supply-charts.ts";
import { dependsOnClusters } from "./flows/render/variant-clusters.ts";
import { renderLateVariants } from "./flows/render-late-variants.ts";
import { renderReleases } from "./flows/render-releases.ts";
import { runOperations } from "./flows/run-operations.ts";
import { Sessions } from "./flows/sessions.ts";
import { createSweep } from "./flows/sweep.ts";
import { type Leadership, takeLeadership } from "./flows/take-leadership.ts";
import { createTraces } from "./flows/trace.ts";
import { trackSources } from "./flows/track-sources.ts";
import { createViews } from "./flows/views.ts";
import { wakeCharts } from "./flows/wake-charts.ts";
import { WakeLater } from "./flows/wake-later.ts";
import type { AgentGate, AgentLink } from "./ports/agent-link.ts";
import type { ArtifactSource } from "./ports/artifact-source.ts";
import type { AssignmentSigner } from "./ports/assignment-signer.ts";
import { BUNDLE_LIMITS, type BundleLimits, type Bundler } from "./ports/bundler.ts";
import type { CertificateAuthority } from "./ports/certificate-authority.ts";
import type { ChartSource } from "./ports/chart-source.ts";
import type { CommitVerifier } from "./ports/commit-verifier.ts";
import type { CredentialStore } from "./ports/credentials.ts";
import type { Enrolment } from "./ports/enrolment.ts";
import type { GitSource } from "./ports/git-source.ts";
import type { HubCommands, HubQueries } from "./ports/hub-commands.ts";
import { type HubMetrics, noMetrics } from "./ports/metrics.ts";
import type { Renderer, RendererKind } from "./ports/renderer.ts";
import type { Store } from "./ports/store.ts";

export interface HubDependencies {
  readonly store: Store;
  readonly git: GitSource;
  /** Judges the signatures of Sources that ask for it. */
  readonly verifier: CommitVerifier;
  readonly renderers: Readonly<Record<RendererKind, Renderer>>;
  readonly bundler: Bundler;
  readonly charts: ChartSource;
  readonly artifacts: ArtifactSource;
  /** Null: no agent can connect, except through `gate`. */
  readonly link: AgentLink | null;
  readonly keys: { readonly authority: CertificateAuthority; readonly signer: AssignmentSigner };
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  /** `[0, 1)`, for jitter. */
  readonly random: () => number;
  /** Cryptographically random bytes, for tokens and ids. */
  readonly randomBytes: (bytes: number) => Uint8Array;
  readonly log: Log;
  readonly metrics?: HubMetrics;
  readonly version: string;
  /** Where people and agents reach the hub, `https://…`; asked when it is needed, since a port may be chosen late. */
  readonly hubAddress: () => string;
  /** Where agents reach the link, `host:port`; null: the endpoint that the link itself says. */
  readonly linkAddress: string | null;
  /** Who holds the leader's lease: the same after a restart where only one process can open the store. */
  readonly leaseHolder: string;
  readonly heartbeatMs?: number;
  /** How often chart repositories are asked what a range of versions means now. */
  readonly chartPollMs?: number;
  /** How much may leave clusters without a person's approval. */
  readonly removalGuard?: RemovalGuard;
  /** How many of an App's newest Releases are kept, unless its definition says it; 10 unless given. */
  readonly releaseHistoryLimit?: number;
  /** What one bundle may hold; `BUNDLE_LIMITS` unless given. */
  readonly bundleLimits?: BundleLimits;
  /** Whether a Project that nobody defined is an error; otherwise it has no limits. */
  readonly requireProjects?: boolean;
  /** The hub cannot go on: the lease was lost, or the store no longer tells of changes. */
  readonly onFatal: (error: unknown) => void;
}

export interface Hub {
  readonly commands: HubCommands;
  readonly queries: HubQueries;
  readonly enrolment: Enrolment;
  /** What agents' sessions reach; the link given above serves it. */
  readonly gate: AgentGate;
  /** Reads the store, leads, and serves agents. @throws AppError "unsupported" for a newer hub's store. */
  start(opts?: { signal?: AbortSignal }): Promise<{ readonly linkEndpoint: string | null }>;
  /** Stops what was started, in reverse order. The store, git and bundler given above are the caller's to close. */
  stop(): Promise<void>;
  /** Resolves when nothing is left to do that is not waited for: for tests and benchmarks. */
  settled(): Promise<void>;
  /** One round of forgetting what nothing needs. */
  sweep(): Promise<void>;
}

const HEARTBEAT_MS = 15_000;

/** Wires the flows together: each arrow of the flow wakes the next. */
export function createHub(deps: HubDependencies): Hub {
  const { store, git, verifier, bundler, keys, credentials, clock, random, log, version } = deps;
  const metrics = deps.metrics ?? noMetrics;
  const { hubId } = keys.authority;
  const hex = (bytes: number): string => Buffer.from(deps.randomBytes(bytes)).toString("hex");
  const newId = (): string => hex(12);
  const stopping = new AbortController();
  const draining = new AbortController();
  const waitingFor = new Set(["store", "leadership"]);
  let leadership: Leadership | null = null;
  let linkEndpoint: string | null = null;

  const audit = createAuditDrain({ journal: store.journal, clock, random, log, metrics, signal: draining.signal });
  const state = new HubState(store.documents, audit);
  const traces = createTraces();
  const sessions = new Sessions();
  const records = createClusterRecords(store.documents, audit.isDrained);
  const identities = createClusterIdentities({
    records,
    authority: keys.authority,
    clock,
    random: deps.randomBytes,
    log,
  });
  const endpoints = (): string[] => [deps.linkAddress ?? linkEndpoint].filter((endpoint) => endpoint !== null);
  const enrolment = createEnrolment({ records, authority: keys.authority, signer: keys.signer, clock, endpoints, log });
  const ingest = ingestReports({ state, documents: store.documents, traces, clock, metrics, log });

  const approvals = createApprovalBook({ state, audit, clock, newId, log });
  const brake = brakeRemovals({
    state,
    approvals,
    guard: deps.removalGuard ?? REMOVAL_GUARD,
    onVerdict: (app, clusters) => drive.wake(app, clusters),
    clock,
    random,
    log,
  });
  const refusals = answerRefusals({ state, approvals });
  const later = new WakeLater({ clock, wake: (app) => drive.wake(app as AppUid) });

  const again = new WakeLater({ clock, wake: (app) => renders.loop.wake(app) });
  const held = createHeldBundles(clock);
  const contents = createReleaseContents({ blobs: store.blobs, lateVariants: state.lateVariants });
  const prunes = guardPrunes({ state, blobs: store.blobs, brake, approvals, contents, log });
  const projects = createProjectGate({ state, contents, requireProjects: deps.requireProjects ?? false });
  const openTree = createTreeOpener({ git, artifacts: deps.artifacts, credentials, signal: stopping.signal });
  const chartPollMs = deps.chartPollMs ?? CHART_POLL_MS;
  const charts = createChartSupply({
    charts: deps.charts,
    pollMs: chartPollMs,
    credentials,
    blobs: store.blobs,
    hold: (name) => held.hold(name, null),
    clock,
  });
  const renderer = createVariantRenderer({
    renderers: deps.renderers,
    bundler: notingRefs(bundler, store.blobs),
    blobs: store.blobs,
    limits: deps.bundleLimits ?? BUNDLE_LIMITS,
    kubernetesVersion: KUBERNETES_VERSION,
    clock,
    metrics,
  });
  const renders = renderReleases({
    state,
    openTree,
    renderer,
    projects,
    charts,
    contents,
    held,
    blobs: store.blobs,
    traces,
    onRendered: (app) => drive.wake(app),
    lookAgain: (app, at) => again.at(app, at),
    clock,
    random,
    metrics,
    log,
  });
  const chartWaking = wakeCharts({
    apps: () => state.apps(),
    charts,
    isMakingDo: (app) => renders.of(app).notices.some(({ code }) => code === "ChartKept"),
    wake: (app) => renders.loop.wake(app),
    everyMs: chartPollMs,
    clock,
    random,
  });
  const late = renderLateVariants({
    state,
    lateVariants: state.lateVariants,
    openTree,
    renderer,
    charts,
    contents,
    held,
    onRendered: (app) => drive.wake(app),
    clock,
    random,
    metrics,
    log,
  });
  const drive: RolloutDriver = driveRollouts({
    state,
    hubId,
    term: () => leadership?.term ?? 0,
    isConnected: (cluster) => sessions.isConnected(cluster),
    renderingOf: renders.of,
    contents,
    onMissing: late.need,
    brake,
    prunes,
    refusals,
    wakeAt: (app, at) => later.at(app, at),
    onGone: (app) => sweep.gone(app),
    traces,
    clock,
    random,
    metrics,
    log,
  });
  const tracker = trackSources({
    state,
    git,
    artifacts: deps.artifacts,
    verifier,
    credentials,
    projects,
    onRevision(source, at) {
      renders.revisionFound(source, at);
      definitions.revisionFound(nameOf(source));
    },
    clock,
    random,
    metrics,
    log,
  });
  const definitions = keepDefinitions({ state, openTree, credentials, brake, newId, clock, random, metrics, log });
  const operations = runOperations({ state, audit, clock, random, log });
  const sweep = createSweep({
    state,
    store,
    identities,
    renders,
    held,
    contents,
    artifacts: deps.artifacts,
    releaseHistoryLimit: deps.releaseHistoryLimit ?? RELEASE_HISTORY_LIMIT,
    audit,
    clock,
    log,
  });
  const gate = publishAssignments({
    state,
    hubId,
    hubVersion: version,
    identities,
    signer: keys.signer,
    sessions,
    ingest,
    blobs: store.blobs,
    async onForgotten(proven, because) {
      const hasBegun = await beginEpoch({ state, clock, newTag: () => hex(4), log }, proven, because);
      // The head found now is where the epoch starts from: what comes after it is fresh.
      if (hasBegun) tracker.wakeAll();
    },
    onPresence: (cluster) => wakeUnfinished(cluster),
    heartbeatMs: deps.heartbeatMs ?? HEARTBEAT_MS,
    traces,
    clock,
    metrics,
    log,
  });
  const views = createViews({ state, sessions, renderingOf: renders.of, definitions, brake, prunes, contents });
  const commands = createCommands({
    state,
    identities,
    views,
    claims: definitions.claims,
    hubAddress: deps.hubAddress,
    wakeSource(source) {
      // What renders takes as long to start as the fetch: they go side by side.
      renderer.prepare();
      tracker.wake(source);
    },
    brake,
    endSessions: (cluster, why) => gate.end(cluster, why),
    runOperation: (id) => operations.wake(id),
    requireProjects: deps.requireProjects ?? false,
    clock,
    newId,
  });
  const queries = createQueries({
    state,
    views,
    documents: store.documents,
    traces,
    commits: createCommitLookup({
      state,
      git,
      credentials,
      openTree,
      contents,
      renderingOf: renders.of,
      signal: stopping.signal,
    }),
    bundles: createBundleReader({ state, contents, blobs: store.blobs }),
    hub: { id: hubId, version, started: clock.now() },
    readiness: () => ({ ready: waitingFor.size === 0, waitingFor: [...waitingFor] }),
  });

  function wakeAllApps(): void {
    for (const uid of state.intents.values()) drive.wake(uid.app.uid);
    for (const app of state.apps()) drive.wake(app.uid);
  }

  /** Apps of a cluster whose stage is not completed: who is there decides about that too. */
  function wakeUnfinished(cluster: ClusterId): void {
    for (const app of state.entriesIn(cluster).keys()) {
      const intent = state.intents.get(app);
      if (intent === null) continue;
      const isFinished = stageOf(intent).completed === targetRelease(intent) && intent.deletion === null;
      if (!isFinished) drive.wake(app, [cluster]);
    }
  }

  /** Apps whose content may depend on this very cluster, which is another than before. */
  function wakeVariants(cluster: ClusterId, moved: Iterable<AppUid>): void {
    for (const uid of new Set([...moved, ...state.placements.appsOn(cluster)])) {
      const app = state.appByUid(uid);
      if (app !== null && dependsOnClusters(app)) renders.loop.wake(uid);
    }
  }

  /** What wakes what. Events may be lost, repeated or out of order: each only says "look again". */
  function wire(): void {
    state.intents.onChange((uid, value, before) => {
      // The planner's own raising of the sequence decides nothing, and it is at it already.
      if (value === null || before === null || !steersAlike(value, before)) drive.wake(uid as AppUid);
    });
    // A Release may wait for it.
    state.approvals.onChange((_id, value) => {
      if (value?.kind === "removal") return;
      for (const app of value?.apps ?? []) drive.wake(app.uid);
    });
    state.releases.onChange((_key, value) => {
      if (value === null) return;
      drive.wake(value.app);
      wakeOverQuota(state.appByUid(value.app)?.definition.metadata.project);
    });
    state.definitions.onChange((_key, value, before) => {
      const changed = value ?? before;
      if (changed?.kind === "Project") {
        for (const app of state.appsIn(changed.definition.metadata.name)) {
          renders.loop.wake(app.uid);
          drive.wake(app.uid);
        }
      }
      // Where one leaves there may be room for another.
      if (changed?.kind === "App" && changed.deleted) wakeOverQuota(changed.definition.metadata.project);
      if (value?.kind === "App") {
        renders.loop.wake(value.uid);
        drive.wake(value.uid);
      }
      if (value?.kind === "Source") {
        for (const app of state.appsOf(value.definition.metadata)) renders.loop.wake(app.uid);
      }
    });
    // Only the Apps that the cluster comes to, leaves, or runs as one that was removed.
    state.placements.onMove((cluster, moved) => {
      for (const app of moved) drive.wake(app, [cluster]);
      wakeVariants(cluster, moved);
    });
    state.clusters.onChange((id, value, before) => {
      const isHere = value !== null && value.revoked === null;
      const wasHere = before !== null && before.revoked === null;
      if (isHere !== wasHere)
        for (const app of state.entriesIn(id as ClusterId).keys()) drive.wake(app, [id as ClusterId]);
    });
    state.presence.onChange((id, value, before) => {
      if (value?.kubernetesVersion !== before?.kubernetesVersion) wakeVariants(id as ClusterId, []);
    });
    state.observed.onChange((_key, value, before) => {
      const clusters = value === null ? [] : mattersToPlanner(value, before);
      if (value !== null && clusters.length > 0) drive.wake(value.app, clusters);
    });
  }

  /** What another App takes up may be what kept them out. */
  function wakeOverQuota(project: string | undefined): void {
    if (project === undefined || state.rulesOf(project) === null) return;
    for (const app of state.appsIn(project)) {
      if (renders.of(app.uid).problems.some(({ code }) => code === "QuotaExceeded")) renders.loop.wake(app.uid);
    }
  }

  /** The clusters whose new reports may change what is planned. */
  function mattersToPlanner(value: ObservedShard, before: ObservedShard | null): ClusterId[] {
    const intent = state.intents.get(value.app);
    if (intent === null) return [];
    const isUnfinished = stageOf(intent).completed !== targetRelease(intent);
    const entries = state.entriesOf(value.app);
    return (Object.keys(value.clusters) as ClusterId[]).filter((cluster) => {
      const [now, was] = [value.clusters[cluster], before?.clusters[cluster]];
      if (now === was) return false;
      if (now?.ahead?.generation !== was?.ahead?.generation || now?.ahead?.epoch.number !== was?.ahead?.epoch.number) {
        return true;
      }
      const entry = entries.get(cluster) ?? null;
      if (!isCurrent(now?.report ?? null, entry)) return false;
      if (now?.report?.needsApproval !== was?.report?.needsApproval) return true;
      return now?.report?.phase === "Removed" || (isUnfinished && now?.report?.health === "Healthy");
    });
  }

  return {
    commands,
    queries,
    enrolment,
    gate,

    async start({ signal } = {}) {
      const stop = signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal;
      await openDocuments(store.documents, { hubVersion: version });
      leadership = await takeLeadership({ leases: store.leases, holder: deps.leaseHolder, clock, log, signal: stop });
      waitingFor.delete("leadership");
      // Read after leading: what a leader before wrote last is in it.
      const { ended } = await state.open(stopping.signal);
      ended.catch((error: unknown) => {
        if (!stopping.signal.aborted) deps.onFatal(error);
      });
      const { lost } = leadership;
      lost.addEventListener("abort", () => deps.onFatal(lost.reason), { once: true });
      await openEpoch({ state, clock, newTag: () => hex(4), log });
      wire();
      for (const [id] of state.operations.entries()) operations.wake(id);
      operations.start();
      wakeAllApps();
      brake.start();
      drive.start();
      renders.loop.start();
      late.loop.start();
      definitions.start();
      tracker.start();
      chartWaking.start();
      sweep.start();
      waitingFor.delete("store");
      linkEndpoint = deps.link === null ? null : (await deps.link.listen(gate)).endpoint;
      const counts = { apps: state.intents.size, clusters: state.clusters.size, epoch: state.epoch.number };
      log.info({ ...counts, linkEndpoint }, "hub started");
      return { linkEndpoint };
    },

    async stop() {
      waitingFor.add("stop");
      await deps.link?.close();
      // Entries that are not drained yet are in their documents: the next start takes them up.
      draining.abort();
      await sweep.stop();
      chartWaking.stop();
      await tracker.stop();
      await definitions.stop();
      await late.loop.stop();
      await renders.loop.stop();
      await operations.stop();
      later.stop();
      again.stop();
      await drive.stop();
      await brake.stop();
      await audit.flush().catch(() => {});
      stopping.abort();
      await leadership?.release();
    },

    async settled() {
      await definitions.idle();
      await renders.loop.idle();
      await late.loop.idle();
      await operations.idle();
      await drive.idle();
      await brake.idle();
      await drive.idle();
    },

    sweep: () => sweep.run(),
  };
}
