import { type AppUid, appUid, clusterId, name } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import { waitingAudit } from "./audit-entry.ts";
import type { Noun } from "./noun.ts";

/** Apps that an approval tells of, each with the names of its first clusters; the counts are of all. */
export const APPROVAL_APPS_MAX = 20;
export const APPROVAL_NAMES_MAX = 10;
/** Closed approvals that are kept to be looked at. */
export const APPROVALS_CLOSED_MAX = 200;

export const approvalState = z.enum(["pending", "granted", "denied", "withdrawn", "used"]);
export type ApprovalState = z.infer<typeof approvalState>;

/**
 * `approvals/<id>`: something that waits for a person.
 * - `pending` → `granted` → `used` (all of it is on its way)
 * - `pending` → `denied`: it stays as it is until the App's definition changes
 * - `pending` → `withdrawn`: the cause vanished, or another approval took its place because more is to go
 * Which pairs a removal names stands in `approvalPairs`, written before this.
 */
export const approval = z.object({
  id: z.string(),
  /** `removal`: Apps leave clusters. `prune`: a Release drops objects. `agent`: an agent refused to delete so many. */
  kind: z.enum(["removal", "prune", "agent"]),
  /** Which action it is about: one approval is open for each. */
  key: z.string().max(200),
  state: approvalState,
  /** One sentence each, for people. */
  what: z.string().max(500),
  why: z.string().max(1_000),
  /** Whose doing it is, where it is known. */
  askedBy: z.string().max(300).nullable(),
  pairs: z.int(),
  objects: z.int(),
  passedBefore: z.int(),
  apps: z
    .array(
      z.object({
        uid: appUid,
        project: name,
        name,
        pairs: z.int(),
        objects: z.int(),
        clusters: z.array(z.string().max(63)).max(APPROVAL_NAMES_MAX),
      }),
    )
    .max(APPROVAL_APPS_MAX),
  /** Of a `prune`: the Release that waits. */
  release: z.int().nullable(),
  /** How many documents of `approvalPairs` there are. */
  parts: z.int(),
  created: z.int(),
  decided: z.object({ by: z.string().max(300), at: z.int(), reason: z.string().max(500) }).nullable(),
  /** It steers nothing any more. */
  closed: z.object({ at: z.int(), reason: z.string().max(500) }).nullable(),
  audit: waitingAudit,
});
export type Approval = z.infer<typeof approval>;

export const approvals: Noun<Approval> = { collection: "approvals", schema: approval };

/** Pairs in one document: with the longest ids, and an App for each, it stays under the store's 256 KiB. */
export const APPROVAL_PAIRS_MAX = 1_500;

/** `approval-pairs/<approval id>/<part>`: exactly what an approval names. Immutable; goes when the approval is closed. */
export const approvalPairs = z.object({
  approval: z.string(),
  apps: z.array(
    z.object({
      uid: appUid,
      /** Of the App's definition when it was asked. */
      changes: z.int(),
      clusters: z.array(clusterId),
    }),
  ),
});
export type ApprovalPairs = z.infer<typeof approvalPairs>;

export const approvalPairsNoun: Noun<ApprovalPairs> = { collection: "approval-pairs", schema: approvalPairs };

export const approvalPairsKey = (id: string, part: number): string => `${id}/${String(part).padStart(4, "0")}`;

export const pruneKey = (app: AppUid, release: number): string => `prune/${app}/${release}`;
export const agentKey = (app: AppUid): string => `agent/${app}`;
