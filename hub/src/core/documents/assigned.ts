import { removalLimit } from "@muster/shared/model/assignment.ts";
import { type AppUid, appUid, clusterId, digest } from "@muster/shared/model/ids.ts";
import { epoch, generation } from "@muster/shared/model/mark.ts";
import { z } from "zod";
import type { Noun } from "./noun.ts";

/** Clusters in one shard: with the entry below, a full shard stays under the store's 256 KiB. */
export const SHARD_CLUSTERS_MAX = 256;
/** Former assignments kept for each cluster: how the hub knows whether it remembers what an agent shows. */
export const ASSIGNED_HISTORY_MAX = 3;

const hex = z.string().regex(/^[0-9a-f]{64}$/);

const former = z.object({
  epoch,
  generation,
  release: z.int().nullable(),
  payloadSha256: hex,
  /** Of a Release with many variants, the one that this cluster had. */
  digest: digest.optional(),
});

/**
 * What one cluster was last assigned. Together with the Release it names, this gives the signed payload byte for byte;
 * `payloadSha256` says which bytes those were.
 * - `run` → `remove` (unplaced, or the App deleted) → `removed` (the agent confirmed the tombstone)
 * - an entry is never dropped while its App lives: the generation must go on from it
 */
export const assignedEntry = z.object({
  epoch,
  generation,
  payloadSha256: hex,
  since: z.int(),
  content: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("run"),
      release: z.int(),
      digest,
      direction: z.enum(["forward", "back"]),
      /** Of a Release with many variants: what the payload says of this cluster's own. */
      variant: z.object({ objects: z.int(), bytes: z.int(), namespace: z.string().max(63) }).optional(),
      removal: removalLimit.optional(),
    }),
    z.object({ kind: z.literal("remove"), action: z.enum(["delete", "keep"]), removal: removalLimit.optional() }),
    z.object({ kind: z.literal("removed"), action: z.enum(["delete", "keep"]), removal: removalLimit.optional() }),
  ]),
  /** Since when the App does not want this cluster, while it still runs there: its grace counts from here. */
  leaving: z.object({ since: z.int(), cause: z.enum(["definition", "labels", "deletion"]) }).optional(),
  /** Newest first. */
  history: z.array(former).max(ASSIGNED_HISTORY_MAX),
});
export type AssignedEntry = z.infer<typeof assignedEntry>;

/** `assigned/<app uid>/<shard>`: written by the planner only, durably, before anything is sent. */
export const assignedShard = z.object({
  app: appUid,
  shard: z.int().min(0),
  term: z.int(),
  clusters: z.record(clusterId, assignedEntry),
});
export type AssignedShard = z.infer<typeof assignedShard>;

export const assignedShards: Noun<AssignedShard> = {
  collection: "assigned",
  schema: assignedShard,
  entries: "clusters",
};

export const shardKey = (app: AppUid, shard: number): string => `${app}/${String(shard).padStart(4, "0")}`;
