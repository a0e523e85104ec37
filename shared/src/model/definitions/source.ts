import { z } from "zod";
import { name } from "../ids.ts";
import {
  API_VERSION,
  address,
  credentialsName,
  durationText,
  exactlyOne,
  projectMetadata,
  repositoryPath,
} from "./common.ts";

const refName = z
  .string()
  .min(1)
  .max(250)
  .regex(/^[^\s\p{C}]*$/u, "a name of a branch or tag has no spaces or control characters");
const versionRange = z.string().min(1).max(250).describe('a range of versions, as Helm reads it: ">=1.4 <2"');

export const gitRef = z
  .strictObject({
    branch: refName.optional(),
    tag: refName.optional(),
    semver: versionRange.optional().describe("the highest tag in a range of versions"),
    commit: z
      .string()
      .regex(/^[0-9a-f]{7,64}$/, "a commit is 7 to 64 lower-case hex digits")
      .optional(),
  })
  .refine(exactlyOne, { error: "say exactly one of branch, tag, semver and commit" });
export type GitRef = z.infer<typeof gitRef>;

/** `branch main`, `tag v1.4.2`, `semver >=1.4 <2`, `commit 4f2c9e1`: how people are told of a ref. */
export const formatRef = (ref: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(ref)
    .flatMap(([kind, value]) => (value === undefined ? [] : [`${kind} ${value}`]))
    .join(" ");

export const artifactRef = z
  .strictObject({
    tag: refName.optional(),
    semver: versionRange.optional(),
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, "a digest reads sha256:<64 hex digits>")
      .optional(),
  })
  .refine(exactlyOne, { error: "say exactly one of tag, semver and digest" });
export type ArtifactRef = z.infer<typeof artifactRef>;

const git = z.strictObject({
  url: address.describe("https://, ssh://, user@host:path or file://"),
  ref: gitRef.default({ branch: "main" }),
  credentials: credentialsName.optional(),
  verify: z
    .strictObject({ signers: z.array(name).min(1).max(16) })
    .optional()
    .describe("commits that none of these signer sets has signed are held"),
  submodules: z.boolean().default(false),
  lfs: z.boolean().default(false),
});

const oci = z.strictObject({
  url: address.regex(/^oci:\/\/[^/]+\/.+$/, "write it as oci://registry.example.com/path"),
  ref: artifactRef.default({ tag: "latest" }),
  credentials: credentialsName.optional(),
});

export const sourceDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("Source"),
  metadata: projectMetadata,
  spec: z
    .strictObject({
      git: git.optional(),
      oci: oci.optional(),
      poll: durationText.default("1m").describe("how often the remote is asked; a webhook wakes it sooner"),
      definitions: z
        .strictObject({
          path: repositoryPath,
          fleet: z
            .boolean()
            .default(false)
            .describe("may define Projects, Clusters and every Project's documents; said through the API only"),
        })
        .optional()
        .describe("a directory of definitions that this repository holds as well"),
    })
    .refine(({ git, oci }) => (git === undefined) !== (oci === undefined), { error: "say exactly one of git and oci" }),
});
export type SourceDefinition = z.infer<typeof sourceDefinition>;
