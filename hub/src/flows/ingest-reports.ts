import type { Clock } from "@muster/shared/clock.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import type { Report } from "@muster/shared/model/report.ts";
import { shardKey } from "../core/documents/assigned.ts";
import {
  detailKey,
  type ObservedEntry,
  type ReportDetail,
  reportDetail,
  reportDetails,
} from "../core/documents/observed.ts";
import { detailOf, detailWithRefusal, isRefusedAside, summarizeReport, withRefusal } from "../core/fleet.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import type { Documents, Json, Version } from "../ports/store.ts";
import type { HubState } from "./hub-state.ts";
import type { Traces } from "./trace.ts";

/** Reports that wait to be stored, the newest of each cluster and App; beyond it agents are asked to wait. */
const WAITING_MAX = 20_000;
const VERSIONS_MAX = 20_000;
/** Documents written at once. */
const WRITES_MAX = 16;

export interface IngestReports {
  /** Resolves when the reports are stored. @throws AppError "unavailable" when too many wait already. */
  report(cluster: ClusterId, clusterName: string, reports: readonly Report[]): Promise<void>;
  /** Notes what an agent holds that the hub does not remember; null: that it is no longer so. */
  noteAhead(cluster: ClusterId, app: AppUid, ahead: ObservedEntry["ahead"]): Promise<void>;
}

/** The newest report of one App in one cluster, and the newest refusal; at least one of them. */
interface Waiting {
  readonly cluster: ClusterId;
  readonly app: AppUid;
  readonly standing: Report | null;
  readonly refused: Report | null;
}

/**
 * Report → fleet state. Whatever came in while the last group was being written is the next group: one write for each
 * shard touched, not durable (an agent reports again), and one for each report's details.
 */
export function ingestReports(deps: {
  state: HubState;
  documents: Documents;
  traces: Traces;
  clock: Clock;
  metrics: HubMetrics;
  log: Log;
}): IngestReports {
  const { state, documents, traces, clock, metrics, log } = deps;
  let waiting = new Map<string, Waiting>();
  let stored: Promise<void> | null = null;
  const versions = new Map<string, Version>();

  function nextGroup(): Promise<void> {
    // One group is written at a time; everybody who comes meanwhile shares the next.
    const running = stored ?? Promise.resolve();
    const group = running.then(takeGroup, takeGroup);
    stored = group;
    return group;
  }

  async function takeGroup(): Promise<void> {
    const taken = waiting;
    waiting = new Map();
    if (taken.size === 0) return;
    try {
      await writeGroup([...taken.values()]);
    } catch (error) {
      // Back behind what came meanwhile: whoever still waits for one of these waits for the next group.
      waiting = new Map([...taken, ...waiting]);
      throw error;
    }
  }

  async function writeGroup(group: readonly Waiting[]): Promise<void> {
    const began = clock.now();
    const shards = new Map<string, { app: AppUid; shard: number; items: Waiting[] }>();
    for (const item of group) {
      const { app } = item;
      const shard = state.observedShard(app, item.cluster);
      const key = shardKey(app, shard);
      const found = shards.get(key) ?? { app, shard, items: [] };
      found.items.push(item);
      shards.set(key, found);
    }
    // Details first: who sees the summary finds the details that belong to it.
    await eachOf(group, (item) => sparingOthers({ cluster: item.cluster, app: item.app }, () => writeDetail(item)));
    const writeShard = async ([key, { app, shard, items }]: [
      string,
      { app: AppUid; shard: number; items: Waiting[] },
    ]) => {
      await state.observed.write(
        key,
        (current) => {
          const clusters = { ...(current?.clusters ?? {}) };
          for (const item of items) {
            const next = summaryOf(item, clusters[item.cluster]);
            if (next !== undefined) clusters[item.cluster] = next;
          }
          return { app, shard, clusters };
        },
        { durable: false },
      );
    };
    await eachOf([...shards], (touched) => sparingOthers({ app: touched[1].app }, () => writeShard(touched)));
    metrics.count("reports", group.length);
    metrics.took("ingest", clock.now() - began);
  }

  /** A report that can never be stored is dropped: tried again, it would hold up those of every other cluster. */
  async function sparingOthers(
    whose: { app: AppUid; cluster?: ClusterId },
    write: () => Promise<unknown>,
  ): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isHopeless(error)) throw error;
      log.error({ ...whose, err: error }, "a report cannot be stored; it is dropped");
    }
  }

  function summaryOf({ cluster, app, standing, refused }: Waiting, before: ObservedEntry | undefined) {
    const next = standing === null ? before : summarizeReport(standing, before);
    if (refused === null) return next;
    const entry = state.entriesIn(cluster).get(app) ?? null;
    return next?.report && isRefusedAside(refused, { entry, standing: next.report })
      ? { ...next, report: withRefusal(next.report, refused) }
      : summarizeReport(refused, next);
  }

  function nextDetail({ cluster, app, standing, refused }: Waiting, before: ReportDetail | null): ReportDetail | null {
    const next = standing === null ? before : detailOf(standing);
    if (refused === null) return next;
    const entry = state.entriesIn(cluster).get(app) ?? null;
    const stands = standing ?? state.observedOf(app).get(cluster)?.report ?? null;
    return next !== null && isRefusedAside(refused, { entry, standing: stands })
      ? detailWithRefusal(next, refused)
      : detailOf(refused);
  }

  async function writeDetail(item: Waiting): Promise<void> {
    const key = detailKey(item.cluster, item.app);
    const at = { collection: reportDetails.collection, key };
    // Only what stands beside a refusal has to be known for it.
    let before = item.standing === null ? await readDetail(at) : null;
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const value = nextDetail(item, before) as unknown as Json;
      try {
        const version = await documents.put(at, value, { ifVersion: versions.get(key) ?? null, durable: false });
        versions.set(key, version);
        const [oldest] = versions.keys();
        if (versions.size > VERSIONS_MAX && oldest !== undefined) versions.delete(oldest);
        return;
      } catch (error) {
        if (!isAppError(error, "conflict")) throw error;
        before = await readDetail(at);
      }
    }
  }

  async function readDetail(at: { collection: string; key: string }): Promise<ReportDetail | null> {
    const current = await documents.get(at);
    if (current === null) versions.delete(at.key);
    else versions.set(at.key, current.version);
    return current === null ? null : (reportDetail.safeParse(current.value).data ?? null);
  }

  return {
    async report(cluster, clusterName, reports) {
      if (waiting.size + reports.length > WAITING_MAX) {
        throw new AppError("unavailable", "too many reports wait to be stored; report again");
      }
      let accepted = 0;
      for (const report of reports) {
        const { uid } = report.app;
        // Only of what this cluster was assigned: a report can neither name another cluster nor make up an App.
        if (state.shardOf(uid, cluster) === null) {
          metrics.count("reports-unknown");
          log.debug({ cluster, app: uid, generation: report.generation }, "report of an App this hub does not know");
          continue;
        }
        trace(clusterName, cluster, report);
        const key = `${cluster} ${uid}`;
        const { standing = null, refused = null } = waiting.get(key) ?? {};
        waiting.delete(key);
        if (report.phase === "Refused") {
          const { generation, problems } = report;
          log.warn({ cluster, app: uid, generation, code: problems[0]?.code }, "an agent refused an assignment");
          waiting.set(key, { cluster, app: uid, standing, refused: report });
        } else waiting.set(key, { cluster, app: uid, standing: report, refused });
        accepted += 1;
      }
      if (accepted > 0) await nextGroup();
    },

    async noteAhead(cluster, app, ahead) {
      // An App of which nothing is known here cannot be Ahead of anything that is shown.
      if (state.intents.get(app) === null) return;
      const shard = state.observedShard(app, cluster);
      await state.observed.write(
        shardKey(app, shard),
        (current) => {
          const before = current?.clusters[cluster];
          const isSame =
            before?.ahead?.generation === ahead?.generation && before?.ahead?.epoch.number === ahead?.epoch.number;
          if (isSame) return null;
          const entry: ObservedEntry = { report: before?.report ?? null, ahead };
          return { app, shard, clusters: { ...(current?.clusters ?? {}), [cluster]: entry } };
        },
        { durable: false },
      );
    },
  };

  function trace(clusterName: string, cluster: ClusterId, report: Report): void {
    const entry = state.entriesIn(cluster).get(report.app.uid);
    if (entry?.content.kind !== "run" || entry.generation !== report.generation || report.phase !== "Applied") return;
    const { uid } = report.app;
    const { release } = entry.content;
    traces.cluster(uid, release, clusterName, "applied", clock.now());
    if (report.health === "Healthy") traces.cluster(uid, release, clusterName, "healthy", clock.now());
  }
}

/** What no retry mends: the bytes themselves do not go into a document. */
const isHopeless = (error: unknown): boolean =>
  isAppError(error, "too-large") || isAppError(error, "invalid") || isAppError(error, "corrupt");

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += WRITES_MAX) {
    await Promise.all(items.slice(from, from + WRITES_MAX).map(work));
  }
}
