import { z } from "zod";
import { name } from "../ids.ts";
import { labels } from "../selector.ts";
import { API_VERSION } from "./common.ts";

export const clusterDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("Cluster"),
  metadata: z.strictObject({ name, labels: labels.optional() }),
  spec: z
    .strictObject({
      cordon: z
        .boolean()
        .default(false)
        // Accepted and without effect it would be taken for protection.
        .refine((isCordoned) => !isCordoned, {
          error:
            "cordoning a cluster is not there yet. Leave it out, and keep Apps away from the cluster by spec.clusters.exclude of the Apps",
        })
        .describe("for a cluster that gets nothing new; only false is accepted yet"),
    })
    .prefault({}),
});
export type ClusterDefinition = z.infer<typeof clusterDefinition>;
