import { z } from "zod";
import { name } from "../ids.ts";
import { clusterSelector, labels } from "../selector.ts";
import { API_VERSION, glob } from "./common.ts";

const many = z.array(glob).max(256);

/** What the Apps of a Project may use. What is not said is not limited, except kinds without a namespace. */
export const projectDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("Project"),
  metadata: z.strictObject({ name, labels: labels.optional() }),
  spec: z
    .strictObject({
      repositories: many
        .default(["**"])
        .describe("patterns of addresses, of Git repositories, charts and artifacts alike"),
      credentials: z.array(glob).max(256).default(["*"]),
      clusters: clusterSelector.default({ all: true }),
      namespaces: many.default(["*"]),
      kinds: z
        .strictObject({
          namespaced: many
            .default(["*"])
            .describe("kinds inside a namespace: Deployment, Ingress.networking.k8s.io, *.apps"),
          cluster: many.default([]).describe("kinds without a namespace; none unless they are named"),
        })
        .prefault({}),
      remoteBases: z.array(glob).max(64).default([]).describe("hosts from which kustomizations may take bases"),
      serviceAccount: name.optional().describe("whom the agent acts as when it applies this Project's Apps"),
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
    .prefault({}),
});
export type ProjectDefinition = z.infer<typeof projectDefinition>;
