import { z } from "zod";
import { name } from "../ids.ts";
import { clusterSelector } from "../selector.ts";
import {
  API_VERSION,
  address,
  credentialsName,
  durationText,
  glob,
  json,
  projectMetadata,
  repositoryPath,
} from "./common.ts";

/** More Releases than this are not kept of one App. */
export const RELEASE_HISTORY_MAX = 200;

export const syncOptions = z.strictObject({
  /** `none`: an object that exists and is not Muster's is left alone, with an error. `all`: it is taken over. */
  adopt: z.enum(["none", "all"]).default("none"),
  drift: z.enum(["heal", "warn", "off"]).default("heal"),
  /** Whether an object that left Git leaves the cluster. */
  prune: z.boolean().default(true),
});
export type SyncOptions = z.infer<typeof syncOptions>;

const plainOptions = z.strictObject({
  include: z.array(glob).max(64).default([]).describe("files that count; empty: every .yaml, .yml and .json"),
  exclude: z.array(glob).max(64).default([]),
  recurse: z.boolean().default(true),
});

const kustomizeOptions = z.strictObject({});

/** JSON, as it goes into a chart's values. */
const values = z.record(z.string(), json);

const valuesFile = z.union([
  repositoryPath,
  z.strictObject({
    source: name.optional().describe("another Source of this Project; the path is from its root"),
    path: repositoryPath,
    optional: z.boolean().default(false),
  }),
]);
export type ValuesFile = z.infer<typeof valuesFile>;

const releaseName = z
  .string()
  .max(53)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$|\$\{/, "a Helm release's name is a DNS label of at most 53 characters");

const helmChart = z.strictObject({
  repository: address.regex(
    /^(https?|oci):\/\//,
    "write it as https://charts.example.com or oci://registry.example.com/charts",
  ),
  name: z.string().min(1).max(250),
  version: z.string().min(1).max(250).describe("a version, or a range of them"),
  credentials: credentialsName.optional(),
});

const helmOptions = z.strictObject({
  chart: helmChart.optional().describe("a chart that is not in Git; absent: the App's path is the chart"),
  releaseName: releaseName.optional(),
  values: z.array(valuesFile).max(64).default([]).describe("values files, the later wins"),
  valuesObject: values.default({}).describe("values, over those of the files"),
  set: values.default({}).describe("single values by dotted path, over valuesObject"),
  includeCrds: z.boolean().default(true),
});

const capabilities = z.strictObject({
  kubernetes: z
    .string()
    .regex(/^\d+\.\d+$/, "write it as 1.34")
    .optional(),
  apiVersions: z.array(z.string().min(1).max(253)).max(256).default([]),
  live: z
    .boolean()
    .default(false)
    .describe("take each cluster's own Kubernetes version and APIs, frozen into the Release"),
});

/** At most one kind of renderer; none: found by looking. */
const render = z
  .strictObject({
    plain: plainOptions.optional(),
    kustomize: kustomizeOptions.optional(),
    helm: helmOptions.optional(),
    capabilities: capabilities.prefault({}),
  })
  .refine(
    ({ plain, kustomize, helm }) => [plain, kustomize, helm].filter((options) => options !== undefined).length <= 1,
    { error: "say at most one of plain, kustomize and helm" },
  );

const jsonPatchOperation = z.strictObject({
  op: z.enum(["add", "remove", "replace", "move", "copy", "test"]),
  path: z.string().regex(/^(\/.*)?$/, "a JSON pointer begins with /"),
  from: z.string().optional(),
  value: json.optional(),
});

const patch = z
  .strictObject({
    target: z
      .strictObject({
        group: z.string().optional(),
        version: z.string().optional(),
        kind: z.string().optional(),
        name: z.string().optional(),
        namespace: z.string().optional(),
        labelSelector: z.string().optional(),
        annotationSelector: z.string().optional(),
      })
      .optional()
      .describe("absent: the object that the patch itself names"),
    json6902: z.array(jsonPatchOperation).min(1).max(256).optional(),
    merge: values.optional().describe("a strategic merge patch"),
  })
  .refine(({ json6902, merge }) => (json6902 === undefined) !== (merge === undefined), {
    error: "say exactly one of json6902 and merge",
  })
  .refine(({ json6902, target }) => json6902 === undefined || target !== undefined, {
    error: "a json6902 patch needs a target",
  });
export type PatchDefinition = z.infer<typeof patch>;

const image = z.strictObject({
  name: z.string().min(1).max(250),
  newName: z.string().min(1).max(250).optional(),
  newTag: z.string().min(1).max(250).optional(),
  digest: z.string().min(1).max(250).optional(),
});

const replica = z.strictObject({
  name: z.string().min(1).max(253),
  kind: z.string().optional(),
  count: z.int().min(0),
});

/** App variables: `${tier}`. */
const variables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable's name is a letter or _, then letters, digits and _"),
  z.string().max(4_096),
);

const namespaceText = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$|\$\{/, "use lower-case letters, digits and '-', at most 63 characters");

export const override = z.strictObject({
  clusters: clusterSelector,
  path: repositoryPath.optional(),
  vars: variables.optional(),
  helm: z
    .strictObject({
      releaseName: releaseName.optional(),
      values: z.array(valuesFile).max(64).default([]),
      valuesObject: values.default({}),
      set: values.default({}),
    })
    .optional(),
  namespace: namespaceText.optional(),
  namePrefix: z.string().max(63).optional(),
  images: z.array(image).max(256).optional(),
  replicas: z.array(replica).max(256).optional(),
  patches: z.array(patch).max(256).optional(),
});
export type Override = z.infer<typeof override>;

export const appSpec = z.strictObject({
  source: z.strictObject({ name, path: repositoryPath.default(".") }),
  render: render.prefault({}),
  destination: z
    .strictObject({ namespace: namespaceText.default("default"), createNamespace: z.boolean().default(false) })
    .prefault({}),
  clusters: clusterSelector,
  vars: variables.default({}),
  substitute: z.boolean().default(false).describe("fill ${…} in manifests too, not only in Muster's own fields"),
  overrides: z.array(override).max(256).default([]),
  sync: syncOptions.prefault({}),
  /** What happens to the objects in a cluster that the App leaves (unplaced, or the App deleted). */
  onUnplaced: z
    .strictObject({ action: z.enum(["delete", "keep"]).default("delete"), grace: durationText.default("10m") })
    .prefault({}),
  releaseHistoryLimit: z
    .int()
    .min(1)
    .max(RELEASE_HISTORY_MAX)
    .optional()
    .describe(
      "how many of its newest Releases are kept to roll back to, beside those that run or are pinned; absent: as the hub says",
    ),
  takesOverFrom: z
    .array(z.string().regex(/^[a-z0-9-]+(\/[a-z0-9-]+)?$/, "write it as NAME or PROJECT/NAME"))
    .max(16)
    .default([])
    .describe("Apps whose objects this one may take over"),
});
export type AppSpec = z.infer<typeof appSpec>;

export const appDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("App"),
  metadata: projectMetadata,
  spec: appSpec,
});
export type AppDefinition = z.infer<typeof appDefinition>;
