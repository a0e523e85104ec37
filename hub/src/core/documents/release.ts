import { syncOptions } from "@muster/shared/model/definitions/app.ts";
import { type AppUid, appUid, commitId, digest, name } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import type { Noun } from "./noun.ts";

/** What steers the agent beside the bundle: frozen into a Release, so that a rollback restores it too. */
export const releaseOptions = z.object({
  destination: z.object({ namespace: name, createNamespace: z.boolean() }),
  sync: syncOptions,
});
export type ReleaseOptions = z.infer<typeof releaseOptions>;

/**
 * `releases/<app uid>/<number, eight digits>`: frozen inputs of one App and the bundle they gave. Immutable once an
 * intent names it.
 */
export const release = z.object({
  app: appUid,
  number: z.int().min(1),
  input: z.object({
    repository: z.string(),
    branch: z.string(),
    commit: commitId,
    /** Number of the Revision in its Source. */
    revision: z.int(),
    subject: z.string(),
    author: z.string(),
    committedAt: z.int(),
    path: z.string(),
    /** Object id of the directory. */
    tree: z.string(),
    renderer: z.object({ kind: z.string(), version: z.string() }),
  }),
  options: releaseOptions,
  bundle: z.object({ digest, objects: z.int(), bytes: z.int() }),
  cause: z.object({ kind: z.enum(["commit", "definition"]), detail: z.string() }),
  created: z.int(),
});
export type Release = z.infer<typeof release>;

export const releases: Noun<Release> = { collection: "releases", schema: release };

export const releaseKey = (app: AppUid, number: number): string => `${app}/${String(number).padStart(8, "0")}`;

/** Whether two Releases put the same into a cluster: then the later is no new Release. */
export const hasSameContent = (
  one: Pick<Release, "bundle" | "options">,
  other: Pick<Release, "bundle" | "options">,
): boolean =>
  one.bundle.digest === other.bundle.digest &&
  one.options.destination.namespace === other.options.destination.namespace &&
  one.options.destination.createNamespace === other.options.destination.createNamespace &&
  one.options.sync.adopt === other.options.sync.adopt &&
  one.options.sync.drift === other.options.sync.drift &&
  one.options.sync.prune === other.options.sync.prune;
