import { z } from "zod";
import { name } from "../ids.ts";
import { labels } from "../selector.ts";
import { API_VERSION } from "./common.ts";

export const clusterDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("Cluster"),
  metadata: z.strictObject({ name, labels: labels.optional() }),
  spec: z
    .strictObject({ cordon: z.boolean().default(false).describe("gets no App that it does not have, and loses none") })
    .prefault({}),
});
export type ClusterDefinition = z.infer<typeof clusterDefinition>;
