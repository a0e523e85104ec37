import { appUid, clusterId, name } from "@muster/shared/model/ids.ts";
import { epoch } from "@muster/shared/model/mark.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import { z } from "zod";
import { waitingAudit } from "./audit-entry.ts";
import type { Noun } from "./noun.ts";

/** Serialised size of one intent. */
export const INTENT_BYTES_MAX = 64 * 1024;
export const INTENT_HISTORY_MAX = 20;
export const RECOVERY_CLUSTERS_MAX = 500;
const OPERATIONS_MAX = 32;

/** Named sets of clusters that a Release reaches one after the other. One stage of all, for now. */
const stage = z.object({
  name: z.string(),
  /** What its clusters are being given (the pinned Release, while there is a pin). */
  current: z.int().nullable(),
  /** The newest Release: what Git says. */
  candidate: z.int().nullable(),
  /** The last Release that every reachable cluster reported Healthy, for its digest and generation. */
  completed: z.int().nullable(),
});

/** A person's decision to hold the App at a Release, whatever Git says. */
export const pin = z.object({
  release: z.int().min(1),
  by: z.string(),
  reason: z.string(),
  since: z.int(),
  /** Made by a rollback: only such a pin lifts by itself. */
  fromRollback: z.boolean(),
  /** The newest Revision and Release when it was made: what meets the pin must come after them. */
  revision: z.int(),
  newestRelease: z.int(),
});
export type Pin = z.infer<typeof pin>;

/**
 * `intents/<app uid>`: all that decides what an App's clusters get, in one document, because it must change together.
 * Written by commands and the planner only. Every change that steers an assignment raises `sequence`, durably, before
 * anything is assigned by it.
 */
export const intent = z.object({
  app: z.object({ uid: appUid, project: name, name }),
  /** The leader's term that last took it over. Commands leave it as it is. */
  term: z.int(),
  sequence: z.int().min(1),
  /** In which epoch new marks of this App are made. Follows the hub's epoch only at a recovery or a fresh commit. */
  epoch,
  stages: z.array(stage).min(1),
  /** What was in force, oldest first: how `previous` is found. */
  history: z.array(z.object({ release: z.int(), since: z.int(), completed: z.boolean() })).max(INTENT_HISTORY_MAX),
  pin: pin.nullable(),
  /** The last command that overrides what was assigned: entries older than `sequence` give way to this intent. */
  reset: z.object({ kind: z.enum(["rollback", "unpin"]), sequence: z.int() }).nullable(),
  /** Clusters that a person took back after the hub had forgotten something: they get marks of this epoch. */
  recovery: z
    .object({
      sequence: z.int(),
      epoch,
      /** Null: every cluster. */
      clusters: z.array(clusterId).max(RECOVERY_CLUSTERS_MAX).nullable(),
    })
    .nullable(),
  /** Set once and never cleared: every cluster gets a tombstone, and the intent goes when all have confirmed. */
  deletion: z.object({ action: z.enum(["delete", "keep"]), by: z.string(), at: z.int() }).nullable(),
  /** Operations over several Apps that this intent carries already, newest last: replaying one twice is nothing. */
  operations: z.array(z.string()).max(OPERATIONS_MAX),
  audit: waitingAudit,
});
export type Intent = z.infer<typeof intent>;

export const intents: Noun<Intent> = { collection: "intents", schema: intent };

export const STAGE_ALL = "all";

export function newIntent(app: Intent["app"], at: { term: number; epoch: Intent["epoch"] }): Intent {
  return {
    app,
    term: at.term,
    sequence: 1,
    epoch: at.epoch,
    stages: [{ name: STAGE_ALL, current: null, candidate: null, completed: null }],
    history: [],
    pin: null,
    reset: null,
    recovery: null,
    deletion: null,
    operations: [],
    audit: [],
  };
}

/** The one stage there is. */
export function stageOf(of: Intent): Intent["stages"][number] {
  const [first] = of.stages;
  if (first === undefined) throw new Error(`intent of ${of.app.uid} has no stage`);
  return first;
}

/** The Release that clusters are to run: the pinned one, or what Git says. */
export const targetRelease = (of: Intent): number | null => of.pin?.release ?? stageOf(of).candidate;

/** Whether two states of an intent decide the same for every cluster: all but the mark that its next changes get. */
export function steersAlike(one: Intent, other: Intent): boolean {
  const steering = ({ epoch, stages, pin, reset, recovery, deletion }: Intent): string =>
    stableJson([epoch, stages, pin, reset, recovery, deletion]);
  return steering(one) === steering(other);
}

export const withOperation = (of: Intent, id: string): Intent => ({
  ...of,
  operations: [...of.operations, id].slice(-OPERATIONS_MAX),
});
