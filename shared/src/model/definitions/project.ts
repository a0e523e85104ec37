import { z } from "zod";
import { name } from "../ids.ts";
import { isPattern } from "../policy.ts";
import { clusterSelector, labels } from "../selector.ts";
import { API_VERSION, glob } from "./common.ts";

/** Namespaces and kinds travel with every assignment, so that the agent judges by them again. */
const POLICY_CHARACTERS_MAX = 16_384;

const pattern = glob.refine(isPattern, { error: "it has more than 64 alternatives in braces" });
const many = z.array(pattern).max(256);

/**
 * What the Apps of a Project may use. What is not said is not limited, except kinds without a namespace. A Project that
 * nobody defined limits nothing.
 */
export const projectDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("Project"),
  metadata: z.strictObject({ name, labels: labels.optional() }),
  spec: z
    .strictObject({
      repositories: many
        .default(["**"])
        .describe("patterns of addresses, of Git repositories, charts and artifacts alike"),
      credentials: many.default(["*"]),
      clusters: clusterSelector
        .default({ all: true })
        .describe("the clusters that its Apps can be placed on; the others are not selected, whatever an App says"),
      namespaces: many.default(["*"]),
      kinds: z
        .strictObject({
          namespaced: many
            .default(["*"])
            .describe(
              "kinds inside a namespace: Deployment (of any API group), Ingress.networking.k8s.io, *.apps, Secret.core",
            ),
          cluster: many.default([]).describe("kinds without a namespace; none unless they are named"),
        })
        .prefault({}),
      remoteBases: z.array(glob).max(64).default([]).describe("hosts from which kustomizations may take bases"),
      serviceAccount: name
        .optional()
        .describe(
          "whom the agent acts as when it writes this Project's objects: the account of this name in the App's namespace",
        ),
      quota: z
        .strictObject({
          apps: z.int().min(0).optional(),
          objects: z
            .int()
            .min(0)
            .optional()
            .describe("of all Apps' newest Releases together, counted once for each variant"),
          bundleBytes: z.int().min(0).optional(),
          renderSeconds: z.number().min(0).optional().describe("of one commit, all variants of an App together"),
        })
        .prefault({}),
      suspended: z.boolean().default(false).describe("nothing new is rendered; what runs is held as it is"),
    })
    .refine(
      ({ namespaces, kinds }) =>
        [...namespaces, ...kinds.namespaced, ...kinds.cluster].join("").length <= POLICY_CHARACTERS_MAX,
      {
        error: `namespaces and kinds together have at most ${POLICY_CHARACTERS_MAX} characters: use patterns`,
      },
    )
    .prefault({}),
});
export type ProjectDefinition = z.infer<typeof projectDefinition>;
