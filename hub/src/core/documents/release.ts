import { appSpec, syncOptions } from "@muster/shared/model/definitions/app.ts";
import { type AppUid, appUid, clusterId, commitId, digest } from "@muster/shared/model/ids.ts";
import { policy } from "@muster/shared/model/policy.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import { z } from "zod";
import { waitingAudit } from "./audit-entry.ts";
import type { Noun } from "./noun.ts";

/** What steers the agent beside the bundle: frozen into a Release, so that a rollback restores it too. */
export const releaseOptions = z.object({
  destination: z.object({ namespace: z.string(), createNamespace: z.boolean() }),
  sync: syncOptions,
  /** What the Project allowed: the agent judges by it again. Absent: it limited nothing. */
  policy: policy.optional(),
  /** Names of Apps of the same Project whose objects this one takes over. */
  takesOverFrom: z.array(z.string()).optional(),
});
export type ReleaseOptions = z.infer<typeof releaseOptions>;

const bundleFacts = z.object({ digest, objects: z.int(), bytes: z.int() });
export type BundleFacts = z.infer<typeof bundleFacts>;

/** What was read: as long as these have the same object ids, a render gives the same. */
const coverEntry = z.object({ source: z.string(), path: z.string(), oid: z.string().nullable() });

/** One variant of a Release. */
export const variantEntry = z.object({
  /** Hash of the resolved inputs. */
  key: z.string(),
  namespace: z.string(),
  /** Null: not rendered yet; it is when a cluster needs it. */
  bundle: bundleFacts.nullable(),
  /** Hash of what was read; null when it is not known. */
  closure: z.string().nullable(),
  cover: z.array(coverEntry),
});
export type VariantEntry = z.infer<typeof variantEntry>;

/** A blob, named by its hash: which cluster got which variant when the Release was made. */
export const variantTable = z.object({
  variants: z.array(variantEntry),
  targets: z.record(clusterId, z.int().min(0)),
});
export type VariantTable = z.infer<typeof variantTable>;

/**
 * `releases/<app uid>/<number, eight digits>`: frozen inputs of one App and what they gave. Immutable once an intent
 * names it. Where every cluster gets the same, `bundle` is it; otherwise it is null, and `table` names the variants.
 */
export const release = z.object({
  app: appUid,
  number: z.int().min(1),
  input: z.object({
    repository: z.string(),
    /** What the Source followed: the name of a branch, or another ref in words. */
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
    /** Other Sources that values came from. */
    others: z.array(z.object({ source: z.string(), commit: commitId })).default([]),
    charts: z
      .array(z.object({ repository: z.string(), name: z.string(), version: z.string(), digest: z.string() }))
      .default([]),
    /** The App's render-relevant spec; null in Releases made before there was one. */
    spec: appSpec
      .pick({ source: true, render: true, destination: true, vars: true, substitute: true, overrides: true })
      .nullable()
      .default(null),
    /** Variables that the manifests mention. */
    references: z.array(z.string()).default([]),
    /** Of the one variant. */
    cover: z.array(coverEntry).default([]),
    closure: z.string().nullable().default(null),
  }),
  options: releaseOptions,
  bundle: bundleFacts.nullable(),
  table: z.object({ blob: z.string(), variants: z.int(), clusters: z.int() }).nullable().default(null),
  cause: z.object({
    kind: z.enum(["commit", "definition", "chart", "capability", "cluster", "renderer"]),
    detail: z.string(),
  }),
  /** Nothing but Muster changed: it waits for a request, or for the next Revision that changes what is rendered. */
  held: z.boolean().default(false),
  created: z.int(),
  audit: waitingAudit,
});
export type Release = z.infer<typeof release>;

export const releases: Noun<Release> = { collection: "releases", schema: release };

export const releaseKey = (app: AppUid, number: number): string => `${app}/${String(number).padStart(8, "0")}`;

/**
 * `release-variants/<app uid>/<number>/<variant key>`: a variant that a Release lacked when it was made, rendered from
 * its frozen inputs since.
 */
export const lateVariant = z.object({ app: appUid, number: z.int(), variant: variantEntry, renderer: z.string() });
export type LateVariant = z.infer<typeof lateVariant>;
export const lateVariants: Noun<LateVariant> = { collection: "release-variants", schema: lateVariant };
export const lateVariantKey = (app: AppUid, number: number, key: string): string => `${releaseKey(app, number)}/${key}`;

type Steering = Pick<Release, "options">;

/** Whether two Releases steer the agent alike, whatever the bundles are. */
export const hasSameOptions = (one: Steering, other: Steering): boolean =>
  one.options.destination.createNamespace === other.options.destination.createNamespace &&
  one.options.sync.adopt === other.options.sync.adopt &&
  one.options.sync.drift === other.options.sync.drift &&
  one.options.sync.prune === other.options.sync.prune &&
  hasSamePolicy(one, other) &&
  stableJson(one.options.takesOverFrom ?? []) === stableJson(other.options.takesOverFrom ?? []);

export const hasSamePolicy = (one: Steering, other: Steering): boolean =>
  one.options.policy === other.options.policy ||
  stableJson(one.options.policy ?? null) === stableJson(other.options.policy ?? null);

/** Whether two Releases put the same into every cluster: then the later is no new Release. */
export const hasSameContent = (
  one: Pick<Release, "bundle" | "table" | "options">,
  other: Pick<Release, "bundle" | "table" | "options">,
): boolean =>
  one.bundle?.digest === other.bundle?.digest &&
  one.table?.blob === other.table?.blob &&
  (one.bundle === null || one.options.destination.namespace === other.options.destination.namespace) &&
  hasSameOptions(one, other);
