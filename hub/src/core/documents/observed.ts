import { type AppUid, appUid, type ClusterId, clusterId, digest } from "@muster/shared/model/ids.ts";
import { epoch, generation } from "@muster/shared/model/mark.ts";
import { problem } from "@muster/shared/model/problem.ts";
import { driftRecord, objectStatus, reportPhase } from "@muster/shared/model/report.ts";
import { healthState, syncState } from "@muster/shared/model/status.ts";
import { z } from "zod";
import type { Noun } from "./noun.ts";

/** Serialised size of one cluster's entry. */
export const OBSERVED_BYTES_MAX = 512;
export const OBSERVED_MESSAGE_MAX = 104;

export const observedEntry = z.object({
  /** The last report in short; null when only `ahead` is known. */
  report: z
    .object({
      epoch,
      generation,
      digest: digest.nullable(),
      phase: reportPhase,
      sync: syncState,
      health: healthState,
      message: z.string().max(OBSERVED_MESSAGE_MAX),
      objects: z.int(),
      drift: z.int(),
      /** The agent holds back deletions until a person approves. */
      needsApproval: z.literal(true).optional(),
      at: z.int(),
    })
    .nullable(),
  /** The mark that the agent proved and the hub does not remember giving. */
  ahead: z.object({ epoch, generation }).nullable(),
});
export type ObservedEntry = z.infer<typeof observedEntry>;

/** `observed/<app uid>/<shard>`, sharded like `assigned`: reports only, in grouped writes that need not be durable. */
export const observedShard = z.object({
  app: appUid,
  shard: z.int().min(0),
  clusters: z.record(clusterId, observedEntry),
});
export type ObservedShard = z.infer<typeof observedShard>;

export const observedShards: Noun<ObservedShard> = {
  collection: "observed",
  schema: observedShard,
  entries: "clusters",
};

/** `report-details/<cluster id>/<app uid>`: the last report in full, cut to `REPORT_DETAIL_BYTES_MAX`. */
export const reportDetail = z.object({
  generation,
  objects: z.array(objectStatus),
  drift: z.array(driftRecord),
  problems: z.array(problem),
});
export type ReportDetail = z.infer<typeof reportDetail>;

export const REPORT_DETAIL_BYTES_MAX = 128 * 1024;

export const reportDetails: Noun<ReportDetail> = { collection: "report-details", schema: reportDetail };

export const detailKey = (cluster: ClusterId, app: AppUid): string => `${cluster}/${app}`;
