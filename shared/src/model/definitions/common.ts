import { z } from "zod";
import { name } from "../ids.ts";
import { labels } from "../selector.ts";

/** The API version of definitions. A later version converts from this one on reading, and never the other way. */
export const API_VERSION = "muster.dev/v1alpha1";

export const projectMetadata = z.strictObject({
  name,
  project: name.default("default").describe("the tenancy scope"),
  labels: labels.optional(),
});

/** `30s`, `5m`, `2h`; kept as written, read with `parseDuration`. */
export const durationText = z.string().regex(/^\d+(ms|s|m|h|d)$/, "a duration reads like 30s, 5m or 2h");

/** A path inside a repository. Whether it leads out of it is judged where it is used, after `${…}` was filled in. */
export const repositoryPath = z
  .string()
  .max(1_024)
  .regex(/^[^\p{C}]*$/u, "a path has no control characters");

/** Told in answers, logs and problems as it is, so it must hold nothing secret, and nothing that steers a terminal. */
export const address = z
  .string()
  .min(1)
  .max(2_048)
  .regex(/^[^\s\p{C}]*$/u, "an address has no spaces or control characters")
  .refine((url) => !/^https?:\/\/[^/?#]*@/i.test(url) && !/^[a-z+]+:\/\/[^/?#@]*:[^/?#]*@/i.test(url), {
    error: "an address holds no credentials: mount them in the hub, and name them in `credentials`",
  });

export const credentialsName = name.describe("the name of a mounted credential, never the secret itself");

/** A shell pattern as in .gitignore: `*`, `**`, `?`, `[a-z]`, `{a,b}`. */
export const glob = z.string().min(1).max(1_024);

/** Exactly one of an object's fields. */
export const exactlyOne = (value: Readonly<Record<string, unknown>>): boolean =>
  Object.values(value).filter((field) => field !== undefined).length === 1;

/** Any JSON value: definitions are read from YAML and JSON, so nothing else can come. */
export const json = z.unknown();
