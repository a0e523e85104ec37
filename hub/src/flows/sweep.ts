import { setImmediate as breathe } from "node:timers/promises";
import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import type { AppUid, ClusterId, CommitId } from "@muster/shared/model/ids.ts";
import { reportDetails } from "../core/documents/observed.ts";
import type { Owner } from "../core/documents/owner.ts";
import { releaseKey } from "../core/documents/release.ts";
import { releasesToKeep } from "../core/plan-retention.ts";
import type { ArtifactSource } from "../ports/artifact-source.ts";
import type { ClusterIdentities } from "../ports/enrolment.ts";
import type { Store } from "../ports/store.ts";
import { bundleOfBlob } from "./bundle-refs.ts";
import type { AuditDrain } from "./drain-audit.ts";
import type { HubState } from "./hub-state.ts";
import type { HeldBundles } from "./render/held-bundles.ts";
import type { ReleaseContents } from "./render/release-contents.ts";
import { chartBlob } from "./render/supply-charts.ts";
import type { RenderReleases } from "./render-releases.ts";

const EVERY_MS = 10 * 60_000;
/** A bundle younger than this may belong to a Release that is just being written. */
const BUNDLE_AGE_MS_MIN = 60 * 60_000;
/**
 * How long it counts which blobs Releases need. What a Release that was made since then names is held for longer than
 * this; asked anew for each blob, a fleet's Releases would be looked through thousands of times.
 */
const JUDGED_MS_MAX = 30_000;
const RELEASES_BURST = 500;

export interface Sweep {
  /** One round; also run every ten minutes once started. */
  run(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
  /** An App is deleted and every cluster confirmed: what is kept of it goes, its intent last. */
  gone(app: AppUid): void;
}

/**
 * Forgets what nothing needs any more: Releases and bundles beyond those that are assigned, pinned or among the newest
 * few, reports of clusters and Apps that are gone, definitions and clusters that were deleted. Only documents and
 * bundles of the hub: nothing here reaches a cluster.
 */
export function createSweep(deps: {
  state: HubState;
  store: Pick<Store, "documents" | "blobs">;
  identities: Pick<ClusterIdentities, "forget">;
  renders: Pick<RenderReleases, "forget">;
  held: Pick<HeldBundles, "isHeld">;
  contents: Pick<ReleaseContents, "tableOf">;
  artifacts: Pick<ArtifactSource, "collect">;
  /** How many of an App's newest Releases are kept, unless its definition says it. */
  releaseHistoryLimit: number;
  audit: AuditDrain;
  clock: Clock;
  log: Log;
}): Sweep {
  const { state, store, identities, renders, held, contents, artifacts, audit, clock, log } = deps;
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = running.then(work);
    running = turn.catch((error: unknown) => {
      if (!stopping.signal.aborted) log.warn({ err: error }, "not everything was swept; it is tried again");
    });
    return turn;
  };

  async function forgetApp(uid: AppUid): Promise<void> {
    const intent = state.intents.get(uid);
    if (intent === null || intent.deletion === null) return;
    await audit.flush();
    for (const [key, shard] of [...state.assigned.entries()]) if (shard.app === uid) await state.assigned.remove(key);
    for (const [key, shard] of [...state.observed.entries()]) if (shard.app === uid) await state.observed.remove(key);
    for (const number of [...state.releasesOf(uid).keys()]) await state.releases.remove(releaseKey(uid, number));
    await state.intents.remove(uid, (current) => current.deletion !== null);
    renders.forget(uid);
    log.info({ app: uid }, "deleted app is gone from every cluster");
  }

  async function sweepReleases(): Promise<void> {
    const apps = new Set([...state.releases.values()].map((release) => release.app));
    for (const uid of apps) {
      if (stopping.signal.aborted) return;
      // Each App's clusters are looked through, and there may be many of both.
      await breathe();
      if (state.intents.get(uid) === null && state.appByUid(uid) !== null) continue;
      const kept = keptReleases(uid);
      for (const [number, release] of [...state.releasesOf(uid)]) {
        if (kept.has(number) || release.audit.some((entry) => !audit.isDrained(entry.id))) continue;
        // Judged at the last moment.
        if (keptReleases(uid).has(number)) continue;
        await state.releases.remove(releaseKey(uid, number));
        // A rollback may have chosen it in this very moment, and been acknowledged.
        if (keptReleases(uid, number).has(number))
          await state.releases.write(releaseKey(uid, number), (current) => current ?? release);
      }
    }
  }

  /** `and`: one that may be gone already. */
  function keptReleases(uid: AppUid, and: number | null = null): ReadonlySet<number> {
    const intent = state.intents.get(uid);
    if (intent === null) return new Set();
    const numbers = new Set([...state.releasesOf(uid).keys(), ...(and === null ? [] : [and])]);
    const entries = state.entriesOf(uid).values();
    return releasesToKeep([...numbers], { intent, entries, newestKept: newestKept(uid) });
  }

  /** What the App's definition says, or the hub's own. */
  const newestKept = (uid: AppUid): number =>
    state.appByUid(uid)?.definition.spec.releaseHistoryLimit ?? deps.releaseHistoryLimit;

  async function sweepBlobs(): Promise<void> {
    const young = clock.now() - BUNDLE_AGE_MS_MIN;
    const old: { name: string; bytes: number }[] = [];
    for await (const blob of store.blobs.list()) if (blob.storedAt <= young) old.push(blob);
    let needed = await neededBlobs();
    let judged = clock.now();
    for (const blob of old) {
      if (stopping.signal.aborted) return;
      // The list of what is in a bundle is kept beside it.
      const name = bundleOfBlob(blob.name);
      if (needed.has(name) || held.isHeld(name)) continue;
      if (clock.now() - judged > JUDGED_MS_MAX) {
        needed = await neededBlobs();
        judged = clock.now();
        if (needed.has(name) || held.isHeld(name)) continue;
      }
      await store.blobs.delete(blob.name);
      log.debug({ blob: blob.name, bytes: blob.bytes }, "blob swept");
    }
  }

  /** Bundles, tables of variants and chart archives of every Release that is kept. */
  async function neededBlobs(): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    for (const [index, release] of [...state.releases.values()].entries()) {
      if (index % RELEASES_BURST === RELEASES_BURST - 1) await breathe();
      if (release.bundle) names.add(release.bundle.digest);
      for (const { digest } of release.input.charts) names.add(chartBlob(digest));
      if (release.table === null) continue;
      names.add(release.table.blob);
      const table = await contents.tableOf(release);
      for (const { bundle } of table?.variants ?? []) if (bundle) names.add(bundle.digest);
    }
    for (const { variant } of state.lateVariants.values()) if (variant.bundle) names.add(variant.bundle.digest);
    return names;
  }

  /** Of artifacts as of commits: what Sources are at, and what kept Releases were made from. */
  function neededRevisions(): ReadonlySet<CommitId> {
    const revisions = new Set<CommitId>();
    for (const { revision } of state.sourceStatuses.values()) if (revision) revisions.add(revision.commit);
    for (const { input } of state.releases.values()) {
      revisions.add(input.commit);
      for (const { commit } of input.others) revisions.add(commit);
    }
    return revisions;
  }

  async function sweepLateVariants(): Promise<void> {
    for (const [key, { app, number }] of [...state.lateVariants.entries()]) {
      if (!state.releasesOf(app).has(number)) await state.lateVariants.remove(key);
    }
  }

  async function sweepClusters(): Promise<void> {
    for (const record of [...state.clusters.values()]) {
      if (record.revoked === null) continue;
      // Its entries are in the journal first; one that came since keeps it for the next round.
      await audit.flush();
      // Before the record: afterwards nobody knows that there are any.
      await removeDetails(record.id, () => true);
      await identities.forget(record.id);
    }
    const isKnown = (id: string): boolean => state.clusters.get(id) !== null;
    for (const [key, shard] of [...state.assigned.entries()]) {
      if (Object.keys(shard.clusters).every(isKnown)) continue;
      await state.assigned.write(
        key,
        (current) => current && { ...current, clusters: only(current.clusters, isKnown) },
      );
    }
    for (const [key, shard] of [...state.observed.entries()]) {
      if (Object.keys(shard.clusters).every(isKnown)) continue;
      await state.observed.write(
        key,
        (current) => current && { ...current, clusters: only(current.clusters, isKnown) },
      );
    }
    for (const [key] of [...state.presence.entries()]) if (!isKnown(key)) await state.presence.remove(key);
  }

  /** Of clusters that are there, one cluster's at a time: together they may be larger than the hub's memory. */
  async function sweepDetails(): Promise<void> {
    for (const record of [...state.clusters.values()]) {
      if (stopping.signal.aborted) return;
      await removeDetails(record.id, (app) => state.intents.get(app) === null);
    }
  }

  async function removeDetails(cluster: ClusterId, isGone: (app: AppUid) => boolean): Promise<void> {
    const { collection } = reportDetails;
    for (const document of await store.documents.list(collection, { prefix: `${cluster}/` })) {
      const [, app] = document.key.split("/") as [ClusterId, AppUid];
      if (!isGone(app)) continue;
      await store.documents.delete({ collection, key: document.key }, { ifVersion: document.version }).catch(() => {});
    }
  }

  async function sweepDefinitions(): Promise<void> {
    await audit.flush();
    for (const [key, stored] of [...state.definitions.entries()]) {
      if (!stored.deleted || stored.audit.some((entry) => !audit.isDrained(entry.id))) continue;
      // Its mark is what says that its Apps are to go.
      if (stored.kind === "AppSet" && [...state.apps()].some(({ owner }) => isOfSet(owner, key))) continue;
      await state.definitions.remove(key, (current) => current.deleted && current.uid === stored.uid);
    }
    for (const [key] of [...state.sourceStatuses.entries()]) {
      const [project = "", name = ""] = key.split("/");
      if (state.source({ project, name }) === null) await state.sourceStatuses.remove(key);
    }
    for (const [key] of [...state.definitionReads.entries()]) {
      const [project = "", name = ""] = key.split("/");
      if (state.source({ project, name }) === null) await state.definitionReads.remove(key);
    }
  }

  const run = (): Promise<void> =>
    inTurn(async () => {
      await sweepDefinitions();
      await sweepClusters();
      await sweepReleases();
      await sweepLateVariants();
      await sweepDetails();
      await sweepBlobs();
      await artifacts.collect(neededRevisions());
    });

  return {
    run,
    start() {
      const rounds = async (): Promise<void> => {
        while (!stopping.signal.aborted) {
          await clock.sleep(EVERY_MS, stopping.signal);
          await run().catch(() => {});
        }
      };
      rounds().catch(() => {});
    },
    async stop() {
      stopping.abort();
      await running;
    },
    gone(app) {
      inTurn(() => forgetApp(app)).catch(() => {});
    },
  };
}

const isOfSet = (owner: Owner, key: string): boolean =>
  typeof owner === "object" && "appSet" in owner && `appset/${owner.appSet}` === key;

const only = <T>(record: Record<string, T>, isKept: (key: string) => boolean): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([key]) => isKept(key)));
