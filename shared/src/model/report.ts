import { z } from "zod";
import { appUid, digest, name } from "./ids.ts";
import { epoch, generation } from "./mark.ts";
import { objectRef } from "./object-ref.ts";
import { problem } from "./problem.ts";
import { healthState, syncState } from "./status.ts";

/**
 * Where an agent stands with one assignment.
 * - `Pending`: accepted, not begun (fetching the bundle, or waiting for the Lease)
 * - `Applying`, `Pruning`: under way
 * - `Applied`: every object accepted and pruning done; health is judged from here on
 * - `Failed`: at least one object was refused; retried for ever
 * - `Refused`: the assignment itself was not accepted (`problems` says why); the former one stays in force
 * - `Removed`: the tombstone was carried out
 */
export const reportPhase = z.enum(["Pending", "Applying", "Pruning", "Applied", "Failed", "Refused", "Removed"]);
export type ReportPhase = z.infer<typeof reportPhase>;

export const objectStatus = z.object({
  ref: objectRef,
  sync: syncState,
  health: healthState,
  message: z.string().max(1_000).default(""),
});
export type ObjectStatus = z.infer<typeof objectStatus>;

/** Values are already masked where the object is a Secret. */
export const driftRecord = z.object({
  object: objectRef,
  field: z.string(),
  expected: z.string().max(500),
  found: z.string().max(500),
  /** The field manager that last wrote it, where the API server says so. */
  manager: z.string().optional(),
  at: z.int(),
  healedAt: z.int().nullable(),
});
export type DriftRecord = z.infer<typeof driftRecord>;

/** The most objects, drifts and problems a report carries; `counts` stay exact. */
export const REPORT_LIMITS = { objectsMax: 500, driftMax: 20, problemsMax: 50 } as const;

export const report = z.object({
  app: z.object({ uid: appUid, project: name, name }),
  /** Of the assignment in force; for `Refused`, of the assignment that was refused. */
  epoch,
  generation,
  /** Bundle the assignment names; null for a tombstone. */
  digest: digest.nullable(),
  phase: reportPhase,
  sync: syncState,
  health: healthState,
  message: z.string().max(2_000),
  counts: z.object({ objects: z.int(), synced: z.int(), healthy: z.int(), pruned: z.int() }),
  /** Those that are not Synced and Healthy first. */
  objects: z.array(objectStatus).max(REPORT_LIMITS.objectsMax),
  drift: z.array(driftRecord).max(REPORT_LIMITS.driftMax),
  problems: z.array(problem).max(REPORT_LIMITS.problemsMax),
  /** By the agent's clock, milliseconds. */
  observedAt: z.int(),
});
export type Report = z.infer<typeof report>;
