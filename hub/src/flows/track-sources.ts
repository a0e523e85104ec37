import { type Backoff, backoff } from "@muster/shared/backoff.ts";
import type { Clock, Instant } from "@muster/shared/clock.ts";
import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { parseDuration } from "@muster/shared/duration.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppName, formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { gitOf, nameOf, type StoredSource, sourceKey } from "../core/documents/definition.ts";
import type { SourceStatus } from "../core/documents/source-status.ts";
import { movedTo, noteFailure, noteHead, problemOfFetch } from "../core/source-progress.ts";
import type { GitCredentials, GitHead, GitRepository, GitSource } from "../ports/git-source.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import type { HubState } from "./hub-state.ts";

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
  /** A mounted credential by its name, or null when there is none of this name. */
  readonly credentials: (name: string) => Promise<GitCredentials | null>;
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

/** Sources that name one repository, branch and credential share one loop and one mirror. */
const loopKey = (source: StoredSource): string => {
  const { url, ref, credentials } = gitOf(source);
  return JSON.stringify([url, ref.branch, credentials ?? null]);
};

/**
 * Git push or poll → Revision. One loop for each repository: fetch, note what was found, sleep until the next poll or
 * wake. A failure is said in the Source's status and tried again with backoff; nothing is deleted anywhere by it.
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
      const known = new Set(loop.sources.map((source) => source.uid));
      loop.sources = sources;
      if (sources.some((source) => !known.has(source.uid))) wakeLoop(loop);
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
    const [first] = loop.sources;
    if (first === undefined) return;
    const outcome = await fetchOnce(deps, first, knownHead(state, loop.sources), loop.stop.signal);
    if (loop.stop.signal.aborted) return;
    loop.isFailing = outcome.kind === "failed";
    for (const source of loop.sources) {
      try {
        await note(deps, source, outcome, woken, loop.told);
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

  state.definitions.onChange((key) => {
    if (key.startsWith("source/")) follow();
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

type Outcome = { kind: "fetched"; head: GitHead; at: Instant } | { kind: "failed"; problem: Problem; at: Instant };

/** Whether a status was found for the address and branch that the Source has now. */
const isOf = (source: StoredSource, status: SourceStatus): boolean =>
  status.url === gitOf(source).url && status.branch === gitOf(source).ref.branch;

/** The head all Sources of a loop know, or null when they differ: the history is then judged from nothing. */
function knownHead(state: HubState, sources: readonly StoredSource[]) {
  const heads = new Set(
    sources.map((source) => {
      const status = state.sourceStatuses.get(sourceStatusKey(source));
      return status !== null && isOf(source, status) ? (status.revision?.commit ?? null) : null;
    }),
  );
  const [head] = heads;
  return heads.size === 1 && head !== undefined ? head : null;
}

const sourceStatusKey = (source: StoredSource): string => {
  const { project, name } = nameOf(source);
  return `${project}/${name}`;
};

/** The repository of a Source with its credentials. @throws AppError "unauthenticated" when they are not mounted. */
export async function repositoryOf(
  source: StoredSource,
  credentials: TrackSourcesDeps["credentials"],
): Promise<GitRepository> {
  const { url, ref, credentials: wanted } = gitOf(source);
  const found = wanted === undefined ? null : await credentials(wanted);
  if (wanted !== undefined && found === null) {
    throw new AppError("unauthenticated", `the credential "${wanted}" is not mounted in the hub`, {
      fix: `Mount it, or change spec.git.credentials of ${formatApp(nameOf(source))}.`,
    });
  }
  return { url, branch: ref.branch, credentials: found };
}

async function fetchOnce(
  deps: TrackSourcesDeps,
  source: StoredSource,
  known: ReturnType<typeof knownHead>,
  stop: AbortSignal,
): Promise<Outcome> {
  const { git, clock, metrics, log } = deps;
  const timeoutMs = known === null ? FIRST_FETCH_TIMEOUT_MS : FETCH_TIMEOUT_MS;
  const signal = withDeadline(timeoutMs, stop);
  const began = clock.now();
  try {
    const repository = await repositoryOf(source, deps.credentials);
    const head = await git.fetch(repository, { knownHead: known, signal });
    metrics.count("fetches");
    metrics.took("fetch", clock.now() - began);
    return { kind: "fetched", head, at: clock.now() };
  } catch (thrown) {
    const error = signal.aborted ? abortedBy(signal, `the fetch of ${gitOf(source).url}`, { timeoutMs }) : thrown;
    if (!stop.aborted) {
      metrics.count("fetch-failures");
      log.warn({ source: formatApp(nameOf(source)), reason: messageOf(error) }, "source not fetched");
    }
    return { kind: "failed", problem: problemOfFetch(error, gitOf(source)), at: clock.now() };
  }
}

async function note(
  deps: TrackSourcesDeps,
  source: StoredSource,
  outcome: Outcome,
  woken: Instant,
  told: Set<string>,
): Promise<void> {
  const { state, log } = deps;
  const git = gitOf(source);
  const key = sourceStatusKey(source);
  let before: SourceStatus | null = null;
  const after = await state.sourceStatuses.write(
    key,
    (current) => {
      const at = { url: git.url, branch: git.ref.branch };
      before = current === null || isOf(source, current) ? current : movedTo(current, at);
      const facts = { ...at, now: outcome.at };
      return outcome.kind === "fetched"
        ? noteHead(before, { ...facts, head: outcome.head, epoch: state.epoch.number })
        : noteFailure(before, { ...facts, problem: outcome.problem });
    },
    { durable: false },
  );
  // The definition may have changed during the fetch: its own loop notes what holds for it.
  if (after?.revision == null || state.definitions.get(sourceKey(nameOf(source))) === null) return;
  const last = (before as SourceStatus | null)?.revision ?? null;
  const isKnown = last?.number === after.revision.number && last.commit === after.revision.commit;
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
