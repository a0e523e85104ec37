import { type Backoff, backoff } from "@muster/shared/backoff.ts";
import type { Clock, Instant } from "@muster/shared/clock.ts";
import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { parseDuration } from "@muster/shared/duration.ts";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppName, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { nameOf, type StoredSource, sourceKey } from "../core/documents/definition.ts";
import type { SourceStatus } from "../core/documents/source-status.ts";
import {
  isAbout,
  movedTo,
  noteFailure,
  noteHead,
  noteHeld,
  problemOfCredential,
  problemOfFetch,
  problemOfRef,
} from "../core/source-progress.ts";
import type { ArtifactSource } from "../ports/artifact-source.ts";
import type { CommitVerifier, Verification } from "../ports/commit-verifier.ts";
import type { CredentialStore } from "../ports/credentials.ts";
import type { FoundRef, GitRemote, GitSource, RefResult } from "../ports/git-source.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import { fetchArtifacts, type FetchOutcome as Outcome } from "./fetch-artifacts.ts";
import { remoteOf, targetOf } from "./git-remotes.ts";
import type { HubState } from "./hub-state.ts";
import type { ProjectGate } from "./project-gate.ts";

/** Fetches at once; those of repositories whose last fetch failed have a lane of their own, and so slow no other. */
const FETCHES_MAX = 24;
const FAILING_FETCHES_MAX = 6;
/** What is there already makes a fetch short; a first one may have a large history to bring. */
const FETCH_TIMEOUT_MS = 60_000;
const FIRST_FETCH_TIMEOUT_MS = 10 * 60_000;
const RETRY = { initialMs: 1_000, maxMs: 5 * 60_000 } as const;
/** Polls are spread by this share of the interval, either way. */
const JITTER = 0.2;

export interface SourceTracker {
  start(): void;
  stop(): Promise<void>;
  /** Fetches soon, whatever the poll says. Woken again during a fetch, it fetches once more. */
  wake(source: AppName): void;
  wakeAll(): void;
}

export interface TrackSourcesDeps {
  readonly state: HubState;
  readonly git: GitSource;
  readonly artifacts: ArtifactSource;
  readonly verifier: CommitVerifier;
  readonly credentials: CredentialStore;
  /** What forbids a Source: its remote is not even contacted then. */
  readonly projects: Pick<ProjectGate, "judgeSource">;
  /** Called when the Source's Revision is another, with when its fetch was asked for. */
  readonly onRevision: (source: StoredSource, at: { woken: Instant; fetched: Instant }) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: HubMetrics;
  readonly log: Log;
}

interface Loop {
  readonly key: string;
  readonly stop: AbortController;
  sources: StoredSource[];
  wokenAt: Instant | null;
  wake: () => void;
  isFailing: boolean;
  readonly retry: Backoff;
  /** Sources whose Revision was told since this process started. */
  readonly told: Set<string>;
  done: Promise<void>;
}

/** Sources of one Project that name one repository and credential share one loop, and so one fetch. */
function loopKey({ definition: { metadata, spec } }: StoredSource): string {
  const { url, credentials } = spec.git ?? spec.oci ?? {};
  return JSON.stringify([url, credentials ?? null, metadata.project, spec.git?.submodules, spec.git?.lfs]);
}

/** What a Source wants of its repository: another of it is fetched at once. */
const wish = ({ uid, definition: { spec } }: StoredSource): string => JSON.stringify([uid, spec.git, spec.oci]);

/**
 * Git push or poll → Revision; for artifacts likewise. One loop for each repository: fetch what its Sources want, judge who signed it, note what
 * was found, sleep until the next poll or wake. A failure is said in the Source's status and tried again with backoff;
 * nothing is deleted anywhere by it.
 */
export function trackSources(deps: TrackSourcesDeps): SourceTracker {
  const { state, clock, log } = deps;
  const loops = new Map<string, Loop>();
  const healthy = createLane(FETCHES_MAX);
  const failing = createLane(FAILING_FETCHES_MAX);
  let isStarted = false;

  function follow(): void {
    if (!isStarted) return;
    const wanted = new Map<string, StoredSource[]>();
    for (const source of state.sources()) {
      const key = loopKey(source);
      wanted.set(key, [...(wanted.get(key) ?? []), source]);
    }
    for (const [key, loop] of loops) {
      if (wanted.has(key)) continue;
      loops.delete(key);
      loop.stop.abort();
    }
    for (const [key, sources] of wanted) {
      const loop = loops.get(key);
      if (loop === undefined) {
        loops.set(key, begin(key, sources));
        continue;
      }
      const known = new Set(loop.sources.map(wish));
      loop.sources = sources;
      if (sources.some((source) => !known.has(wish(source)))) wakeLoop(loop);
    }
  }

  function begin(key: string, sources: StoredSource[]): Loop {
    const loop: Loop = {
      key,
      stop: new AbortController(),
      sources,
      wokenAt: clock.now(),
      wake: () => {},
      isFailing: false,
      retry: backoff({ ...RETRY, random: deps.random }),
      told: new Set(),
      done: Promise.resolve(),
    };
    loop.done = run(loop).catch((error: unknown) => {
      if (!loop.stop.signal.aborted) log.error({ err: error, key }, "a source is no longer tracked");
    });
    return loop;
  }

  async function run(loop: Loop): Promise<void> {
    const { signal } = loop.stop;
    while (!signal.aborted) {
      const lane = loop.isFailing ? failing : healthy;
      await lane(signal, () => check(loop));
      if (loop.wokenAt !== null) continue;
      await sleepUntilWoken(loop, pauseMs(loop));
    }
  }

  function pauseMs(loop: Loop): number {
    const pollMs = Math.min(...loop.sources.map((source) => parseDuration(source.definition.spec.poll)));
    const spread = pollMs * (1 - JITTER + 2 * JITTER * deps.random());
    // Half of the backoff is certain, so that a repository that fails at once is not asked in a hot loop.
    return loop.isFailing ? Math.max(RETRY.initialMs / 2, Math.min(loop.retry.next(), RETRY.maxMs)) : spread;
  }

  async function sleepUntilWoken(loop: Loop, ms: number): Promise<void> {
    const woken = new AbortController();
    loop.wake = () => woken.abort();
    await clock.sleep(ms, AbortSignal.any([loop.stop.signal, woken.signal])).catch(() => {});
    loop.wake = () => {};
  }

  async function check(loop: Loop): Promise<void> {
    const woken = loop.wokenAt ?? clock.now();
    loop.wokenAt = null;
    const { sources } = loop;
    if (sources.length === 0) return;
    const fetch = sources[0]?.definition.spec.oci === undefined ? fetchOnce : fetchArtifacts;
    const outcomes = await fetch(deps, sources, loop.stop.signal);
    if (loop.stop.signal.aborted) return;
    loop.isFailing = outcomes.some((outcome) => outcome.kind === "failed" && outcome.isRetried);
    for (const [index, source] of sources.entries()) {
      try {
        await note(deps, source, outcomes[index] as Outcome, woken, loop.told);
      } catch (error) {
        if (loop.stop.signal.aborted) return;
        // As if it had not been fetched: the next round finds and notes it again.
        loop.isFailing = true;
        log.warn({ source: sourceStatusKey(source), err: error }, "what was found is not noted; it is tried again");
      }
    }
    if (!loop.isFailing) loop.retry.reset();
  }

  function wakeLoop(loop: Loop): void {
    loop.wokenAt ??= clock.now();
    loop.wake();
  }

  state.definitions.onChange((key, value, before) => {
    if (key.startsWith("source/")) follow();
    const project = value ?? before;
    if (project?.kind !== "Project") return;
    const { name } = project.definition.metadata;
    for (const loop of loops.values()) {
      if (loop.sources.some((source) => nameOf(source).project === name)) wakeLoop(loop);
    }
  });

  return {
    start() {
      isStarted = true;
      follow();
    },
    async stop() {
      isStarted = false;
      for (const loop of loops.values()) loop.stop.abort();
      await Promise.all([...loops.values()].map((loop) => loop.done));
      loops.clear();
    },
    wake(name) {
      const source = state.source(name);
      const loop = source === null ? undefined : loops.get(loopKey(source));
      if (loop) wakeLoop(loop);
    },
    wakeAll() {
      for (const loop of loops.values()) wakeLoop(loop);
    },
  };
}

const sourceStatusKey = (source: StoredSource): string => {
  const { project, name } = nameOf(source);
  return `${project}/${name}`;
};

/** The status of a Source, if it is about what the Source is now. */
function statusOf(state: HubState, source: StoredSource): SourceStatus | null {
  const status = state.sourceStatuses.get(sourceStatusKey(source));
  return status !== null && isAbout(status, targetOf(source)) ? status : null;
}

/** What became of each Source, in their order. Sources of one loop have one address and one credential. */
async function fetchOnce(
  deps: TrackSourcesDeps,
  sources: readonly StoredSource[],
  stop: AbortSignal,
): Promise<readonly Outcome[]> {
  const { state, git, clock, metrics, log } = deps;
  const [first] = sources as readonly [StoredSource];
  const wanted = sources.map((source) => ({
    ref: source.definition.spec.git?.ref ?? {},
    knownHead: statusOf(state, source)?.revision?.commit ?? null,
  }));
  const timeoutMs = wanted.some(({ knownHead }) => knownHead === null) ? FIRST_FETCH_TIMEOUT_MS : FETCH_TIMEOUT_MS;
  const signal = withDeadline(timeoutMs, stop);
  const began = clock.now();
  const failed = (problem: Problem, reason: string): readonly Outcome[] => {
    if (!stop.aborted) {
      metrics.count("fetch-failures");
      log.warn({ sources: sources.map((source) => formatApp(nameOf(source))), reason }, "source not fetched");
    }
    return sources.map(() => ({ kind: "failed", problem, isRetried: true, at: clock.now() }));
  };
  const [forbidden] = deps.projects.judgeSource(first);
  if (forbidden !== undefined) {
    const where = { ...forbidden.where, repository: targetOf(first).url };
    const problem = { ...forbidden, message: `${forbidden.message} It is not fetched; what runs stays.`, where };
    // Another definition, of the Source or of the Project, wakes it.
    return sources.map(() => ({ kind: "failed", problem, isRetried: false, at: clock.now() }));
  }
  let remote: GitRemote;
  try {
    remote = await remoteOf(first, deps.credentials, { signal });
  } catch (error) {
    return failed(problemOfCredential(error, targetOf(first)), messageOf(error));
  }
  try {
    const results = await git.fetch(remote, { wanted, signal });
    metrics.count("fetches");
    metrics.took("fetch", clock.now() - began);
    return await Promise.all(
      sources.map((source, index) => judge(deps, remote, source, results[index] as RefResult, stop)),
    );
  } catch (thrown) {
    const error = signal.aborted ? abortedBy(signal, `the fetch of ${remote.url}`, { timeoutMs }) : thrown;
    return failed(problemOfFetch(error, targetOf(first)), messageOf(error));
  }
}

/** Whether what was found counts: it does when its Source asks for no signers, or one of them has signed it. */
async function judge(
  deps: TrackSourcesDeps,
  remote: GitRemote,
  source: StoredSource,
  result: RefResult,
  stop: AbortSignal,
): Promise<Outcome> {
  const at = deps.clock.now();
  if (result.kind !== "found") {
    // What is missing is looked for at each poll; a submodule's server may be back sooner.
    const isRetried = result.kind === "incomplete";
    return { kind: "failed", problem: problemOfRef(remote.url, result), isRetried, at };
  }
  const { signers } = targetOf(source);
  const status = statusOf(deps.state, source);
  // The status is about these very signers: they have been asked about this commit.
  if (signers.length === 0 || status?.revision?.commit === result.commit.id) return { kind: "found", head: result, at };
  try {
    const verification = await verifyHead(deps, remote, result, signers);
    if (verification.kind === "verified") return { kind: "found", head: result, at };
    return { kind: "held", head: result, reason: verification.message, at };
  } catch (error) {
    if (stop.aborted || isAppError(error, "unavailable")) {
      return { kind: "failed", problem: problemOfFetch(error, targetOf(source)), isRetried: true, at };
    }
    const fix = isAppError(error) && error.fix !== undefined ? ` ${error.fix}` : "";
    return { kind: "held", head: result, reason: `${messageOf(error)}.${fix}`, at };
  }
}

/** A tag that is signed vouches for the commit it names; otherwise the commit's own signature counts. */
async function verifyHead(
  { git, verifier }: TrackSourcesDeps,
  remote: GitRemote,
  { commit, tag }: FoundRef,
  signers: readonly string[],
): Promise<Verification> {
  if (tag?.object != null) {
    const object = await git.object(remote, tag.object);
    const verification = await verifier.verify(object, { signers, tag: { name: tag.name, target: commit.id } });
    if (verification.kind === "verified") return verification;
  }
  return verifier.verify(await git.object(remote, commit.id), { signers });
}

async function note(
  deps: TrackSourcesDeps,
  source: StoredSource,
  outcome: Outcome,
  woken: Instant,
  told: Set<string>,
): Promise<void> {
  const { state, log } = deps;
  const target = targetOf(source);
  const key = sourceStatusKey(source);
  let before: SourceStatus | null = null;
  const after = await state.sourceStatuses.write(
    key,
    (current) => {
      before = current === null || isAbout(current, target) ? current : movedTo(current, target);
      const now = outcome.at;
      switch (outcome.kind) {
        case "found":
          return noteHead(before, { target, head: outcome.head, epoch: state.epoch.number, now });
        case "held":
          return noteHeld(before, { target, head: outcome.head, reason: outcome.reason, now });
        case "failed":
          return noteFailure(before, { target, problem: outcome.problem, now });
      }
    },
    { durable: false },
  );
  const last = before as SourceStatus | null;
  if (after?.held != null && last?.held?.commit !== after.held.commit) {
    log.warn({ source: key, commit: after.held.commit, reason: after.held.reason }, "commit held");
  }
  // The definition may have changed during the fetch: its own loop notes what holds for it.
  if (after?.revision == null || state.definitions.get(sourceKey(nameOf(source))) === null) return;
  const isKnown = last?.revision?.number === after.revision.number && last.revision.commit === after.revision.commit;
  if (isKnown && (outcome.kind === "failed" || told.has(source.uid))) return;
  told.add(source.uid);
  log.info({ source: key, commit: after.revision.commit, revision: after.revision.number }, "revision found");
  deps.onRevision(source, { woken, fetched: outcome.at });
}

/** Runs work in one of `size` places, in order of asking. */
function createLane(size: number): (signal: AbortSignal, work: () => Promise<void>) => Promise<void> {
  let free = size;
  const waiting: (() => void)[] = [];
  return async (signal, work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      if (!signal.aborted) await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
