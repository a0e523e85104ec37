import type { ClusterId, HubId } from "@muster/shared/model/ids.ts";
import type { EnrolmentAnswer, JoinRequest, KeyHash, RenewRequest } from "@muster/shared/model/joining.ts";
import type { Labels } from "@muster/shared/model/selector.ts";
import type { ClusterRecord } from "../core/cluster-record.ts";
import type { Peer } from "./agent-link.ts";
import type { Actor } from "./hub-commands.ts";

/**
 * How agents get and keep their identity: a driving port. The API serves it as `POST /v1/join` and `POST /v1/renew`,
 * the two routes without a bearer token; bodies are the zod schemas `joinRequest`, `renewRequest` and
 * `enrolmentAnswer` of the shared model, 32 KiB at most. A refusal is an AppError whose message and fix are made for
 * the person who reads the agent's log:
 * "unauthenticated" (unknown token or cluster, wrong secret, bad signature, a clock that is off), "forbidden" (token
 * used by another cluster or expired, identity revoked or superseded, certificate too old to renew), "invalid",
 * "unavailable" (too much at once; the agent tries again by itself).
 */
export interface Enrolment {
  /** `from` is the caller's address, for log and audit. */
  join(request: JoinRequest, opts: { from: string }): Promise<EnrolmentAnswer>;
  renew(request: RenewRequest, opts: { from: string }): Promise<EnrolmentAnswer>;
}

/** What the hub's own flows ask of enrolment. */
export interface ClusterIdentities {
  readonly hubId: HubId;
  readonly caHash: KeyHash;
  /**
   * Registers a cluster, or makes a new token for one that exists (it keeps its id; labels are merged while nobody has
   * joined; its identity stays in force until the new token is used).
   * The token is shown once and never stored. @throws AppError "invalid", "conflict".
   */
  register(
    actor: Actor,
    cluster: { name: string; labels: Labels },
  ): Promise<{ record: ClusterRecord; token: string; expires: number; isNew: boolean }>;
  /**
   * Whether the certificate behind a connection is still in force, asked at every Hello: the cluster is registered,
   * not revoked, its key is the one last joined with, and the cluster the agent sees is the one it joined as.
   * The reason of a refusal is told to the agent.
   */
  checkPeer(
    peer: Peer,
    hello: { readonly clusterUid: string },
  ): Promise<{ kind: "known"; record: ClusterRecord } | { kind: "refused"; code: string; message: string }>;
  /** Nothing of this cluster's identity is accepted any more. Ending its live sessions is the caller's part. */
  revoke(actor: Actor, id: ClusterId): Promise<ClusterRecord>;
  /**
   * Deletes the record of a revoked cluster whose audit entries were drained, and frees its name. False while it may
   * not be deleted yet, or was registered anew meanwhile.
   */
  forget(id: ClusterId): Promise<boolean>;
}
