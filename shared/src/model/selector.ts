import { z } from "zod";
import { name } from "./ids.ts";

const labelValue = z
  .string()
  .regex(/^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, "not a Kubernetes label value");
const labelKey = z
  .string()
  .regex(
    /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    "not a Kubernetes label key",
  );
export const labels = z.record(labelKey, labelValue);
export type Labels = z.infer<typeof labels>;

/** As in Kubernetes: `In`/`NotIn` need values, `Exists`/`DoesNotExist` have none. */
const requirement = z
  .strictObject({
    key: labelKey,
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: z.array(labelValue).optional(),
  })
  .refine((r) => (r.operator === "In" || r.operator === "NotIn" ? (r.values?.length ?? 0) > 0 : !r.values?.length), {
    error: "In and NotIn need values; Exists and DoesNotExist take none",
  });

/** The one selector shape, wherever clusters are chosen. Everything that is stated must hold. */
export const clusterSelector = z
  .strictObject({
    all: z.literal(true).optional(),
    names: z.array(name).min(1).optional(),
    matchLabels: labels.optional(),
    matchExpressions: z.array(requirement).min(1).optional(),
    exclude: z.strictObject({ names: z.array(name).optional(), matchLabels: labels.optional() }).optional(),
  })
  .refine((s) => s.all || s.names || Object.keys(s.matchLabels ?? {}).length > 0 || s.matchExpressions, {
    error:
      "an empty selector selects nothing by intent and everything by accident: write `all: true` to mean every cluster",
  });
export type ClusterSelector = z.infer<typeof clusterSelector>;
