import { z } from "zod";
import { name } from "./ids.ts";
import { clusterSelector, labels } from "./selector.ts";

/** The API version of definitions. A later version converts from this one on reading, and never the other way. */
export const API_VERSION = "muster.dev/v1alpha1";

const projectMetadata = z.strictObject({ name, project: name.default("default"), labels: labels.optional() });

/** `30s`, `5m`, `2h`; kept as written, read with `parseDuration`. */
export const durationText = z.string().regex(/^\d+(ms|s|m|h|d)$/, "a duration reads like 30s, 5m or 2h");

/** Told in answers, logs and problems as it is, so it must hold nothing secret, and nothing that steers a terminal. */
const gitUrl = z
  .string()
  .min(1)
  .max(2_048)
  .regex(/^[^\s\p{C}]*$/u, "an address has no spaces or control characters")
  .refine((url) => !/^https?:\/\/[^/?#]*@/i.test(url) && !/^[a-z+]+:\/\/[^/?#@]*:[^/?#]*@/i.test(url), {
    error: "an address holds no credentials: mount them in the hub, and name them in spec.git.credentials",
  });

export const gitRef = z.strictObject({
  branch: z
    .string()
    .min(1)
    .max(250)
    .regex(/^[^\s\p{C}]*$/u, "a branch's name has no spaces or control characters"),
});

export const sourceDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("Source"),
  metadata: projectMetadata,
  spec: z.strictObject({
    git: z.strictObject({
      url: gitUrl,
      ref: gitRef.default({ branch: "main" }),
      /** The name of a mounted credential, never the secret itself. */
      credentials: name.optional(),
    }),
    poll: durationText.default("1m"),
  }),
});
export type SourceDefinition = z.infer<typeof sourceDefinition>;

export const syncOptions = z.strictObject({
  /** `none`: an object that exists and is not Muster's is left alone, with an error. `all`: it is taken over. */
  adopt: z.enum(["none", "all"]).default("none"),
  drift: z.enum(["heal", "warn", "off"]).default("heal"),
  /** Whether an object that left Git leaves the cluster. */
  prune: z.boolean().default(true),
});
export type SyncOptions = z.infer<typeof syncOptions>;

export const appDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("App"),
  metadata: projectMetadata,
  spec: z.strictObject({
    source: z.strictObject({ name, path: z.string().max(1_024).default(".") }),
    destination: z
      .strictObject({ namespace: name.default("default"), createNamespace: z.boolean().default(false) })
      .prefault({}),
    clusters: clusterSelector,
    sync: syncOptions.prefault({}),
    /** What happens to the objects in a cluster that the App leaves (unplaced, or the App deleted). */
    onUnplaced: z.strictObject({ action: z.enum(["delete", "keep"]).default("delete") }).prefault({}),
  }),
});
export type AppDefinition = z.infer<typeof appDefinition>;

export const clusterDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("Cluster"),
  metadata: z.strictObject({ name, labels: labels.optional() }),
});
export type ClusterDefinition = z.infer<typeof clusterDefinition>;

export const definition = z.discriminatedUnion("kind", [sourceDefinition, appDefinition, clusterDefinition]);
export type Definition = z.infer<typeof definition>;
