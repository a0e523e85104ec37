import { definition } from "@muster/shared/model/definitions.ts";
import { name } from "@muster/shared/model/ids.ts";
import { problem } from "@muster/shared/model/problem.ts";
import { driftRecord, objectStatus, reportPhase } from "@muster/shared/model/report.ts";
import { clusterSelector, labels } from "@muster/shared/model/selector.ts";
import { healthState, syncState } from "@muster/shared/model/status.ts";
import { z } from "zod";

/** What the hub shows of itself: the answers of the REST API. Times are ISO 8601, UTC. */

const time = z.iso.datetime();

export const clusterView = z.object({
  name: z.string(),
  id: z.string(),
  labels,
  /** `Registered`: no agent has joined yet. `Ahead`: it holds marks that this hub does not remember. */
  state: z.enum(["Registered", "Connected", "Disconnected", "Revoked"]),
  agentVersion: z.string().nullable(),
  kubernetesVersion: z.string().nullable(),
  lastSeen: time.nullable(),
  certificateExpires: time.nullable(),
  clockSkewMs: z.number().nullable(),
  registered: time,
  apps: z.object({ total: z.int(), synced: z.int(), healthy: z.int(), failed: z.int(), ahead: z.int() }),
});
export type ClusterView = z.infer<typeof clusterView>;

/** Of Apps that leave clusters. */
const objectsGo = z
  .boolean()
  .optional()
  .describe(
    "whether objects are deleted by what is lost; false: all of it is kept (onUnplaced). Absent: nothing is lost",
  );

/** The cluster as it is after its labels changed; after a dry run as it was. */
export const labelResult = clusterView.extend({
  /** `PROJECT/NAME` of the Apps that go to the cluster, or leave it, by this. */
  gains: z.array(z.string()),
  loses: z.array(z.string()),
  deletes: objectsGo,
  /** Why what it loses would wait for a person's approval, or waits now; absent: it does not. */
  waits: z.string().optional(),
  dryRun: z.boolean(),
});
export type LabelResult = z.infer<typeof labelResult>;

export const registration = z.object({
  cluster: clusterView,
  /** Shown once. */
  token: z.string(),
  expires: time,
  hubAddress: z.string(),
  caHash: z.string(),
});
export type Registration = z.infer<typeof registration>;

export const sourceView = z.object({
  project: z.string(),
  name: z.string(),
  url: z.string(),
  /** A branch by its name; any other ref as people are told of it: `tag v1.4.2`, `semver >=1.4 <2`. */
  branch: z.string(),
  tag: z.string().nullable().describe("the tag that a tag or a range of versions comes down to"),
  state: z
    .enum(["Pending", "Ready", "Held", "Failing"])
    .describe("Held: the newest commit is held, since nobody trusted has signed it; what was verified before stays"),
  revision: z
    .object({ commit: z.string(), subject: z.string(), author: z.string(), committedAt: time, seen: time })
    .nullable(),
  held: z
    .object({ commit: z.string(), subject: z.string(), author: z.string(), reason: z.string(), since: time })
    .nullable()
    .describe("the commit at the remote, when no trusted signer has signed it; the revision stays"),
  lastChecked: time.nullable(),
  problems: z.array(problem),
  /** Of a Source that holds definitions: how many were found, and what is wrong with them. */
  definitions: z
    .object({
      path: z.string(),
      fleet: z.boolean(),
      /** Null: not read yet, since the hub started. */
      commit: z.string().nullable(),
      documents: z.int(),
      problems: z.array(problem),
    })
    .nullable()
    .optional(),
});
export type SourceView = z.infer<typeof sourceView>;

export const releaseView = z.object({
  number: z.int(),
  commit: z.string(),
  subject: z.string(),
  /** Null where clusters get different bundles. */
  digest: z.string().nullable(),
  objects: z.int().nullable(),
  bytes: z.int().nullable(),
  /** How many different bundles its clusters get. */
  variants: z.int(),
  cause: z.object({
    kind: z.enum(["commit", "definition", "chart", "capability", "cluster", "renderer"]),
    detail: z.string(),
  }),
  /** Nothing but a renderer changed: no cluster gets it until it is shipped, or a commit makes the next. */
  held: z.boolean(),
  created: time,
});
export type ReleaseView = z.infer<typeof releaseView>;

export const pinView = z.object({
  release: z.int(),
  by: z.string(),
  reason: z.string(),
  since: time,
});

/** One App in one cluster. */
export const placementView = z.object({
  cluster: z.string(),
  clusterState: clusterView.shape.state,
  assigned: z.object({ release: z.int(), digest: z.string(), generation: z.int(), since: time }).nullable(),
  removing: z.boolean(),
  isAhead: z.boolean(),
  observed: z
    .object({
      generation: z.int(),
      digest: z.string().nullable(),
      phase: reportPhase,
      sync: syncState,
      health: healthState,
      message: z.string(),
      objects: z.int(),
      drift: z.int(),
      at: time,
    })
    .nullable(),
});
export type PlacementView = z.infer<typeof placementView>;

export const appView = z.object({
  project: z.string(),
  name: z.string(),
  uid: z.string(),
  source: z.string(),
  path: z.string(),
  /** The newest Release, which is what Git says. */
  release: releaseView.nullable(),
  /** What the clusters are to run and are counted against: the pinned Release, or the newest. */
  target: releaseView.nullable().optional(),
  pin: pinView.nullable(),
  deleting: z.boolean(),
  summary: z.object({
    clusters: z.int(),
    atTarget: z.int(),
    healthy: z.int(),
    failed: z.int(),
    offline: z.int(),
    drift: z.int(),
    ahead: z.int(),
  }),
  /** One line for people: what state the App is in. */
  state: z.string(),
  problems: z.array(problem),
  /** Not wrong, but worth knowing of the newest commit. */
  notices: z.array(problem).optional(),
  /** What goes wrong on most of the clusters that fail, in short; `why` tells it in full. */
  firstCause: z
    .object({
      message: z.string(),
      /** The first of them by name. */
      clusters: z.array(z.string()),
      /** On how many clusters it is so. */
      count: z.int(),
    })
    .optional(),
});
export type AppView = z.infer<typeof appView>;

export const appDetailView = appView.extend({ placements: z.array(placementView) });
export type AppDetailView = z.infer<typeof appDetailView>;

/** The details of the last report of one App in one cluster. */
export const placementDetailView = placementView.extend({
  objects: z.array(objectStatus),
  drift: z.array(driftRecord),
  problems: z.array(problem),
});
export type PlacementDetailView = z.infer<typeof placementDetailView>;

export const appSetView = z.object({
  project: z.string(),
  name: z.string(),
  /** `directories apps/* of fleet`, `values of label region` */
  generator: z.string(),
  owner: z.string(),
  /** That it keeps now. */
  apps: z.int(),
  deleting: z.boolean(),
  problems: z.array(problem),
});
export type AppSetView = z.infer<typeof appSetView>;

export const projectView = z.object({
  name: z.string(),
  owner: z.string(),
  suspended: z.boolean(),
  sources: z.int(),
  apps: z.int(),
  appSets: z.int(),
});
export type ProjectView = z.infer<typeof projectView>;

export const statusView = z.object({
  hub: z.object({ id: z.string(), version: z.string(), epoch: z.int(), started: time }),
  clusters: z.array(clusterView),
  sources: z.array(sourceView),
  apps: z.array(appView),
});
export type StatusView = z.infer<typeof statusView>;

/** When a commit passed each arrow of the flow, for one App: milliseconds since 1970, by the hub's clock. */
export const traceView = z.object({
  commit: z.string(),
  release: z.int().nullable(),
  at: z
    .object({
      woken: z.int(),
      fetched: z.int(),
      compared: z.int(),
      rendered: z.int(),
      released: z.int(),
      intended: z.int(),
      assigned: z.int(),
    })
    .partial(),
  clusters: z.record(z.string(), z.object({ sent: z.int(), applied: z.int(), healthy: z.int() }).partial()),
});
export type TraceView = z.infer<typeof traceView>;

/** Why an App is as it is in a cluster. `reason` is a stable code. */
export const whyView = z.object({
  app: z.string(),
  cluster: z.string().nullable(),
  reason: z.enum([
    "Running",
    "Applying",
    "Failing",
    "NotSelected",
    "NotInProject",
    "NoRelease",
    "SourceFailing",
    "RenderFailing",
    "Pinned",
    "ClusterOffline",
    "ClusterNotJoined",
    "NotYetReported",
    "Ahead",
    "Removing",
    "RemovalInGrace",
    "RemovalWaits",
    "RemovalDenied",
    "RemovalNeedsApproval",
    "Refused",
    // of a commit
    "NotSeenYet",
    "HeldUnverified",
    "OutsidePath",
    "RendersSame",
    "RenderRefused",
    "Superseded",
  ]),
  message: z.string(),
  next: z.string().nullable(),
});
export type WhyView = z.infer<typeof whyView>;

export const applyResult = z.object({
  results: z.array(
    z.object({
      kind: z.string(),
      name: z.string(),
      outcome: z.enum(["created", "changed", "unchanged"]),
      /** Clusters that gain or lose the App by this. */
      gains: z.array(z.string()),
      loses: z.array(z.string()),
      deletes: objectsGo,
    }),
  ),
  /** Why what clusters lose by it would wait for a person's approval, or waits now; absent: it does not. */
  waits: z.string().optional(),
  dryRun: z.boolean(),
  /** What was accepted and will do nothing as it stands, in sentences for people. */
  warnings: z.array(z.string()).optional(),
});
export type ApplyResult = z.infer<typeof applyResult>;

/** An App under another name. */
export const moveResult = z.object({
  from: z.string(),
  to: z.string(),
  /** How many run it; each hands its objects over as the new App reaches it. */
  clusters: z.int(),
  dryRun: z.boolean(),
});
export type MoveResult = z.infer<typeof moveResult>;

export const deletionResult = z.object({
  /** Why it waits for a person's approval; null: it does not. */
  waits: z.string().nullable(),
});
export type DeletionResult = z.infer<typeof deletionResult>;

/** Something that waits for a person. */
export const approvalView = z.object({
  id: z.string(),
  /** `removal`: Apps leave clusters. `prune`: a Release drops objects. `agent`: an agent refused to delete so many. */
  kind: z.enum(["removal", "prune", "agent"]),
  state: z.enum(["pending", "granted", "denied", "withdrawn", "used"]),
  /** `50 clusters would lose storefront/shop (600 objects)` */
  what: z.string(),
  why: z.string(),
  askedBy: z.string().nullable(),
  pairs: z.int(),
  objects: z.int(),
  /** The Apps it is about, with the names of their first clusters; the counts are of all. */
  apps: z.array(z.object({ app: z.string(), pairs: z.int(), objects: z.int(), clusters: z.array(z.string()) })),
  created: time,
  decided: z.object({ by: z.string(), at: time, reason: z.string() }).nullable(),
  closed: z.object({ at: time, reason: z.string() }).nullable(),
});
export type ApprovalView = z.infer<typeof approvalView>;

export const approvalDecision = z.strictObject({ reason: z.string().min(1).max(500).default("no reason given") });

export const shipRequest = z.strictObject({ reason: z.string().min(1).max(500).default("no reason given") });

export const rollbackRequest = z.strictObject({
  project: z.string(),
  app: z.string(),
  /** `previous`, `rN`, or a commit (at least 7 digits). */
  to: z.string(),
  reason: z.string().min(1).max(500),
  dryRun: z.boolean().default(false),
});
export type RollbackRequest = z.infer<typeof rollbackRequest>;

export const rollbackView = z.object({
  app: z.string(),
  from: z.int().nullable(),
  to: z.int(),
  commit: z.string(),
  clusters: z.array(z.string()),
  dryRun: z.boolean(),
});
export type RollbackView = z.infer<typeof rollbackView>;

export const recoverRequest = z.strictObject({
  /** Absent: everything that is Ahead. */
  clusters: clusterSelector.optional(),
  app: z.strictObject({ project: z.string(), name: z.string() }).optional(),
  /** `reassert`: what the hub knows goes out again, at a higher epoch. `keep`: the hub adopts what the clusters run. */
  mode: z.literal("reassert").default("reassert"),
  reason: z.string().min(1).max(500),
});
export type RecoverRequest = z.infer<typeof recoverRequest>;

export const applyRequest = z.strictObject({
  definitions: z.array(z.unknown()).min(1).max(1_000),
  dryRun: z.boolean().default(false),
  /** Also what belongs to a Source or AppSet that does not hold it any more. */
  takeOver: z.boolean().optional(),
});
export const storedDefinition = definition;

const scopedText = z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, "write it as PROJECT/NAME");

export const handOverRequest = z.strictObject({
  kind: z.enum(["App", "Source", "AppSet", "Project", "Cluster"]),
  /** Of an App, Source or AppSet. */
  project: name.default("default"),
  name,
  /** Who has it from now on: a Source or an AppSet must hold it already, and be told that it is another's. */
  to: z.union([z.literal("api"), z.strictObject({ source: scopedText }), z.strictObject({ appSet: scopedText })]),
});
export type HandOverRequest = z.infer<typeof handOverRequest>;

export const handOverResult = z.object({ what: z.string(), from: z.string(), to: z.string() });
export type HandOverResult = z.infer<typeof handOverResult>;
