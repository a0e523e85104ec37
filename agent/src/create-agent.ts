import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { CAPABILITIES, type SignedAssignment } from "@muster/shared/model/assignment.ts";
import { type AppUid, formatApp } from "@muster/shared/model/ids.ts";
import type { AppRecord } from "@muster/shared/model/inventory.ts";
import type { Report } from "@muster/shared/model/report.ts";
import { type Hello, type KeySet, PROTOCOL, type SignedKeySet } from "@muster/shared/model/session.ts";
import { decodeAssignment, type decodeAssignmentHeader } from "@muster/shared/wire/assignment.ts";
import { summarize } from "./core/summarize.ts";
import { AppBook, fromRecordAssignment } from "./flows/app-book.ts";
import { createBundleSource } from "./flows/fetch-bundle.ts";
import { holdLease } from "./flows/hold-lease.ts";
import { keepSession } from "./flows/keep-session.ts";
import { receiveAssignment } from "./flows/receive-assignments.ts";
import { createReconciler, type Reconciler } from "./flows/reconcile.ts";
import { createReporter } from "./flows/report-status.ts";
import { ActingSwitch, SessionHolder } from "./flows/session-holder.ts";
import { createTrust, ownerHash } from "./flows/trust.ts";
import { createLiveWatch } from "./flows/watch-drift.ts";
import { writeUnderLease } from "./flows/write-under-lease.ts";
import type { AgentState, ClusterLease } from "./ports/agent-state.ts";
import type { BundleOpener } from "./ports/bundle-opener.ts";
import type { ClusterApi } from "./ports/cluster-api.ts";
import type { HubLink } from "./ports/hub-link.ts";

/** Who this agent is to its hub, from joining. */
export interface AgentIdentity {
  readonly hubId: string;
  readonly clusterId: string;
  /** The verified chain of the hub's key sets, oldest first, at least one. */
  readonly keySets: readonly KeySet[];
  /** Stores a successor that was verified, so that it is trusted after a restart too. */
  readonly keepKeySet: (signed: SignedKeySet) => Promise<void>;
  /** The hub did not accept the certificate. */
  readonly renewSoon: () => void;
}

export interface AgentDeps {
  readonly cluster: ClusterApi;
  readonly link: HubLink;
  readonly state: AgentState;
  readonly lease: ClusterLease;
  readonly bundles: BundleOpener;
  readonly identity: AgentIdentity;
  readonly clock: Clock;
  readonly log: Log;
  /** `[0, 1)`, for jitter. */
  readonly random: () => number;
  /** The agent's own version. */
  readonly version: string;
  /** Random for each process. */
  readonly instance: string;
}

export interface AgentStatus {
  readonly isActing: boolean;
  readonly isConnected: boolean;
  /** Acting, and nothing is being worked on. */
  readonly isIdle: boolean;
  readonly apps: readonly Pick<Report, "app" | "generation" | "phase" | "sync" | "health" | "message">[];
}

export interface Agent {
  /** Begins; returns at once. Hub or API server may be away: it goes on trying. */
  start(): void;
  /** Ends everything in reverse order: no write is under way when it resolves, and the Lease is released. */
  stop(): Promise<void>;
  status(): AgentStatus;
}

/** What there is while this process holds the Lease. */
interface Acting {
  readonly book: AppBook;
  readonly reconciler: Reconciler;
}

/** Refusals and farewells that are told to a new session again. */
const lastWordsMax = 500;

export function createAgent(deps: AgentDeps): Agent {
  const { cluster, clock, log, random, identity, state } = deps;
  const stopping = new AbortController();
  const acting = new ActingSwitch();
  const slot = new SessionHolder();
  const trust = createTrust({ chain: identity.keySets, keep: identity.keepKeySet, log });
  const bundles = createBundleSource({ state, opener: deps.bundles, session: slot, clock, log, random });
  /** Reports that belong to no App in force: what was refused, and what was removed. By report key. */
  const lastWords = new Map<string, Report>();
  let now: Acting | null = null;
  let running: Promise<unknown> = Promise.resolve();

  const reporter = createReporter({
    clock,
    log,
    build: (key) => {
      const entry = now?.book.get(key as AppUid);
      return lastWords.get(key) ?? (entry && now ? now.reconciler.report(entry) : null);
    },
    keys: () => [...[...(now?.book.all() ?? [])].map(({ uid }) => uid), ...lastWords.keys()],
  });
  const say = (kind: "refused" | "removed", report: Report): void => {
    const key = `${kind}/${report.app.uid}`;
    lastWords.delete(key);
    lastWords.set(key, report);
    const [oldest] = lastWords.keys();
    if (lastWords.size > lastWordsMax && oldest !== undefined) lastWords.delete(oldest);
    reporter.changed(key, "verdict");
  };

  const context = { trust, clock, hubId: identity.hubId, clusterId: identity.clusterId, capabilities: CAPABILITIES };
  const onAssignment = (signed: SignedAssignment): void => {
    if (now === null) return;
    const { book, reconciler } = now;
    const received = receiveAssignment(context, book, signed);
    switch (received.kind) {
      case "refused": {
        const { problem, report } = received;
        log.warn({ code: problem.code, app: report?.app }, "assignment refused");
        if (report) say("refused", report);
        return;
      }
      case "same": {
        const { uid } = received.header.app;
        if (book.get(uid)) reporter.changed(uid, "verdict");
        // What is held and cannot be read, because a later version stored it, is not removed.
        else if (isTombstone(signed)) say("removed", removedReport(received.header, clock.now()));
        return;
      }
      case "accepted": {
        const uid = received.uid as AppUid;
        const entry = book.get(uid);
        if (entry === undefined) return;
        lastWords.delete(`refused/${uid}`);
        lastWords.delete(`removed/${uid}`);
        log.info({ app: formatApp(entry.owner.app), generation: entry.assignment.generation }, "assignment accepted");
        // The thread starts while the mark is stored and the bundle fetched.
        if (entry.assignment.content.kind === "run") deps.bundles.warm?.();
        reconciler.wake(uid);
        for (const former of book.formersOf(entry)) reconciler.wake(former.uid);
      }
    }
  };

  const act = async ({
    fence,
    isHeld,
    signal,
  }: Parameters<Parameters<typeof holdLease>[0]["act"]>[0]): Promise<void> => {
    const fenced = new AbortController();
    const ending = AbortSignal.any([signal, fenced.signal]);
    const book = await restoreBook(state, fence, log);
    const watch = createLiveWatch({
      cluster,
      clock,
      log,
      random,
      isOurs: (owner) => book.byOwner(owner) !== undefined,
      onChange: (change) => reconciler.heard(change),
    });
    const reconciler = createReconciler({
      book,
      state,
      cluster: writeUnderLease(cluster, isHeld),
      watch,
      bundles,
      clock,
      log,
      random,
      changed: (uid, urgency) => reporter.changed(uid, urgency),
      removed: (report) => {
        reporter.forget(report.app.uid);
        say("removed", report);
      },
      fenced: (error) => {
        log.warn({ err: error }, "another agent wrote this agent's state; looks again");
        fenced.abort();
      },
    });
    now = { book, reconciler };
    acting.set(true);
    try {
      await reconciler.run(ending);
    } finally {
      now = null;
      acting.set(false);
    }
  };

  let facts: Pick<Hello, "clusterUid" | "kubernetesVersion"> | null = null;
  /** As they were last, when the API server is away: then more than ever the hub should hear how things are. */
  const clusterFacts = async (): Promise<Pick<Hello, "clusterUid" | "kubernetesVersion">> => {
    try {
      const [clusterUid, kubernetesVersion] = await Promise.all([cluster.clusterUid(), cluster.version()]);
      facts = { clusterUid, kubernetesVersion };
      return facts;
    } catch (error) {
      if (facts === null) throw error;
      return facts;
    }
  };

  const hello = async (): Promise<Hello> => {
    const known = await clusterFacts();
    return {
      protocol: PROTOCOL,
      agentVersion: deps.version,
      capabilities: CAPABILITIES,
      ...known,
      instance: deps.instance,
      isActing: acting.isActing,
      have: [...(now?.book.all() ?? [])].map(({ record }) => ({
        mark: record.mark,
        proof: fromRecordAssignment(record),
      })),
    };
  };

  return {
    start() {
      const { signal } = stopping;
      running = Promise.all([
        holdLease({ lease: deps.lease, clock, log, random, signal, act }),
        keepSession({
          link: deps.link,
          clock,
          log,
          random,
          reporter,
          slot,
          trust,
          hello,
          acting,
          onAssignment,
          onUnauthenticated: identity.renewSoon,
          signal,
        }),
      ]);
      running.catch(() => {});
    },
    async stop() {
      stopping.abort();
      await running;
      await deps.link.close();
      await deps.bundles.close();
      await cluster.close();
    },
    status: () => ({
      isActing: acting.isActing,
      isConnected: slot.current !== null,
      isIdle: now?.reconciler.isIdle ?? false,
      apps: [...(now?.book.all() ?? [])].map((entry) => {
        const report = (now as Acting).reconciler.report(entry);
        const { app, generation, phase, sync, health, message } = report;
        return { app, generation, phase, sync, health, message };
      }),
    }),
  };
}

/** What the agent knew before. Its assignments were verified when they were accepted: keys may have changed since. */
async function restoreBook(state: AgentState, fence: number, log: Log): Promise<AppBook> {
  const { records, removed } = await state.load({ fence });
  const book = new AppBook();
  for (const mark of removed) book.restoreRemoved(mark);
  for (const record of records) restoreRecord(book, record, log);
  log.info({ apps: book.size, removed: removed.length }, "state loaded");
  return book;
}

function restoreRecord(book: AppBook, record: AppRecord, log: Log): void {
  const { payload } = fromRecordAssignment(record);
  try {
    const assignment = decodeAssignment(payload);
    book.restore({ hash: ownerHash(assignment.hubId, assignment.app), app: assignment.app }, record, assignment);
  } catch (error) {
    // Written by a later version: what it says is not understood, and that it was said is not forgotten.
    book.restoreRemoved(record.mark);
    log.error(
      { app: formatApp(record.app), err: error },
      "a stored assignment cannot be read; its App is left as it is",
    );
    if (!isAppError(error)) throw error;
  }
}

function isTombstone({ payload }: SignedAssignment): boolean {
  try {
    return decodeAssignment(payload).content.kind === "remove";
  } catch {
    return false;
  }
}

const removedReport = (header: ReturnType<typeof decodeAssignmentHeader>, now: number): Report =>
  summarize({
    app: header.app,
    epoch: header.epoch,
    generation: header.generation,
    digest: null,
    phase: "Removed",
    objects: [],
    drift: [],
    problems: [],
    pruned: 0,
    now,
  });
