import { commitId } from "@muster/shared/model/ids.ts";
import { problem } from "@muster/shared/model/problem.ts";
import { z } from "zod";
import type { Noun } from "./noun.ts";

/** Head commits of one Source that are remembered as seen: what tells a new Revision from one that came back. */
export const SEEN_COMMITS_MAX = 50;

export const revision = z.object({
  /** Rises by one with each head that is another than the one before. */
  number: z.int().min(1),
  commit: commitId,
  subject: z.string().max(300),
  author: z.string().max(300),
  committedAt: z.int(),
  seenAt: z.int(),
});
export type Revision = z.infer<typeof revision>;

/** A commit that is at the remote, and that nobody trusted has signed. */
export const heldCommit = z.object({
  commit: commitId,
  subject: z.string().max(300),
  author: z.string().max(300),
  /** Why, in words for people. */
  reason: z.string().max(1_000),
  since: z.int(),
});
export type HeldCommit = z.infer<typeof heldCommit>;

/** `source-status/<project>/<name>`: what was last found at the remote. Written by track-sources only. */
export const sourceStatus = z.object({
  /**
   * Of the definition that this was found for, `target` in short: with another address, ref or set of signers the
   * Source begins with no Revision.
   */
  url: z.string(),
  /** A branch by its name; any other ref as people are told of it: `tag v1.4.2`, `semver >=1.4 <2`, `commit 4f2c9e1`. */
  branch: z.string(),
  /** Names of signer sets, ordered; empty when every commit counts. */
  signers: z.array(z.string()).default([]),
  /** The tag that `tag` or `semver` comes down to at present. */
  tag: z.string().max(300).nullable().default(null),
  revision: revision.nullable(),
  /** The present head, when it is not verified: the Revision above is the last one that was. */
  held: heldCommit.nullable().default(null),
  /** Newest first, the present head included. */
  seen: z.array(z.object({ commit: commitId, number: z.int() })).max(SEEN_COMMITS_MAX),
  /** The head found at the first fetch after an epoch began: only what comes after it is a fresh commit. */
  epochHead: z.object({ epoch: z.int(), commit: commitId, number: z.int() }).nullable(),
  lastChecked: z.int().nullable(),
  problems: z.array(problem).max(8),
});
export type SourceStatus = z.infer<typeof sourceStatus>;

export const sourceStatuses: Noun<SourceStatus> = { collection: "source-status", schema: sourceStatus };
