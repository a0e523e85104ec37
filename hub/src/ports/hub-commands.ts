import type { Definition } from "@muster/shared/model/definitions.ts";
import type { AppName, Digest } from "@muster/shared/model/ids.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import type {
  AppDetailView,
  ApplyResult,
  ApprovalView,
  AppSetView,
  AppView,
  ClusterView,
  DeletionResult,
  HandOverRequest,
  HandOverResult,
  LabelResult,
  MoveResult,
  PlacementDetailView,
  ProjectView,
  RecoverRequest,
  Registration,
  ReleaseView,
  RollbackRequest,
  RollbackView,
  SourceView,
  StatusView,
  TraceView,
  WhyView,
} from "../core/views.ts";

/** Who acts, for the audit entry that every change carries. */
export interface Actor {
  readonly kind: "person" | "hub";
  readonly name: string;
  /** Address the call came from, where there is one. */
  readonly from: string | null;
}

/** What a Release holds for a cluster, as agents get it. */
export interface ReleasedBundle {
  readonly release: number;
  readonly digest: Digest;
  /** Where objects go that name none. */
  readonly namespace: string;
  /** zstd-compressed canonical form. */
  readonly compressed: Uint8Array;
}

/**
 * What people and programs may do with the hub; the REST API drives it. Every change is durable, with its audit entry,
 * before its promise resolves. @throws AppError "not-found", "invalid", "conflict", each with a fix.
 */
export interface HubCommands {
  registerCluster(actor: Actor, cluster: { name: string; labels: Labels }): Promise<Registration>;
  /** Says which Apps move by it; with `dryRun` nothing else. */
  labelCluster(
    actor: Actor,
    name: string,
    change: { set: Labels; remove: readonly string[] },
    opts: { dryRun: boolean },
  ): Promise<LabelResult>;
  /** Revokes the identity and forgets the cluster; what runs there keeps running. */
  removeCluster(actor: Actor, name: string): Promise<void>;
  /** `takeOver`: also what belongs to an owner that does not hold it any more. */
  apply(
    actor: Actor,
    definitions: readonly unknown[],
    opts: { dryRun: boolean; takeOver?: boolean },
  ): Promise<ApplyResult>;
  /** Gives a definition, or a cluster's labels, another owner. */
  handOver(actor: Actor, request: HandOverRequest): Promise<HandOverResult>;
  /** Its Apps are deleted with it, once the brake lets them. */
  deleteAppSet(actor: Actor, set: AppName): Promise<void>;
  /** @throws AppError "conflict" while anything is in it. */
  deleteProject(actor: Actor, name: string): Promise<void>;
  deleteSource(actor: Actor, source: AppName): Promise<void>;
  /** Sends a tombstone to every cluster, once the brake lets it; the App is gone when each has confirmed. */
  deleteApp(actor: Actor, app: AppName): Promise<DeletionResult>;
  /** Gives an App another name; its objects stay in the clusters and are handed over. Safe to repeat. */
  moveApp(actor: Actor, request: { from: AppName; to: string; dryRun: boolean }): Promise<MoveResult>;
  /** For exactly what the approval names. @throws AppError "conflict" when it is not pending any more. */
  grantApproval(actor: Actor, id: string, opts: { reason: string }): Promise<ApprovalView>;
  /** What it names stays as it is until its App's definition changes. */
  denyApproval(actor: Actor, id: string, opts: { reason: string }): Promise<ApprovalView>;
  /**
   * Lets a held Release go: clusters get it like any other from then on. @throws AppError "conflict" when it is not held.
   */
  shipRelease(actor: Actor, app: AppName, release: number, opts: { reason: string }): Promise<ReleaseView>;
  rollback(actor: Actor, request: RollbackRequest): Promise<RollbackView>;
  unpin(actor: Actor, app: AppName, opts: { reason: string }): Promise<AppView>;
  recover(actor: Actor, request: RecoverRequest): Promise<{ recovered: { app: string; cluster: string }[] }>;
  /** Wakes a Source's poll. Says nothing about what the remote holds. */
  wakeSource(source: AppName): Promise<void>;
}

export interface HubQueries {
  status(): Promise<StatusView>;
  clusters(): Promise<readonly ClusterView[]>;
  cluster(name: string): Promise<ClusterView>;
  sources(): Promise<readonly SourceView[]>;
  source(source: AppName): Promise<SourceView>;
  appSets(): Promise<readonly AppSetView[]>;
  appSet(set: AppName): Promise<AppSetView>;
  projects(): Promise<readonly ProjectView[]>;
  apps(): Promise<readonly AppView[]>;
  app(app: AppName): Promise<AppDetailView>;
  placement(app: AppName, cluster: string): Promise<PlacementDetailView>;
  releases(app: AppName): Promise<readonly ReleaseView[]>;
  /**
   * What a Release holds for a cluster; a null release is what is assigned to it now.
   * @throws AppError "not-found", "invalid" when clusters differ and none is named.
   */
  bundle(app: AppName, wanted: { release: number | null; cluster: string | null }): Promise<ReleasedBundle>;
  /** With a commit, given by the beginning of its id: what became of it. @throws AppError "invalid" for one that is several. */
  why(app: AppName, cluster: string | null, commit?: string | null): Promise<WhyView>;
  /** The last few Revisions of an App on their way, oldest first; forgotten with the process. */
  trace(app: AppName): Promise<readonly TraceView[]>;
  definitions(kind: Definition["kind"]): Promise<readonly Definition[]>;
  /** Everything that waits for a person, and what was decided lately; newest first. */
  approvals(): Promise<readonly ApprovalView[]>;
  approval(id: string): Promise<ApprovalView>;
  /** Resolves at the next change of anything that `status` shows, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void>;
  /** Whether the hub can serve: store open, leader's term taken, first reads done. */
  isReady(): { ready: boolean; waitingFor: readonly string[] };
}
