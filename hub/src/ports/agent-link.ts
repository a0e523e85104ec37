import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { AppUid, ClusterId, Digest } from "@muster/shared/model/ids.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { Hello, HelloAck } from "@muster/shared/model/session.ts";

/** Who is calling, from the client certificate and nothing else. */
export interface Peer {
  readonly clusterId: ClusterId;
  /** UID of the `kube-system` namespace that the certificate is bound to. */
  readonly clusterUid: string;
  /** Lower-case hex serial number of the certificate. */
  readonly certificateSerial: string;
  /** Hash of the certificate's public key: an identity is the key, whichever of its certificates is shown. */
  readonly publicKey: KeyHash;
  /** For logs: address and port. */
  readonly address: string;
}

/** The hub's end of one agent's connection. Sends are queued within a bound; a session that cannot keep up is ended. */
export interface AgentSession {
  readonly peer: Peer;
  send(message: HubEvent): void;
  /** Says why, then ends the connection. */
  refuse(code: string, message: string): void;
  /** Aborted when the connection is gone, whoever ended it. */
  readonly closed: AbortSignal;
}

export type HubEvent =
  | { readonly kind: "assignment"; readonly signed: SignedAssignment }
  | { readonly kind: "in-sync" }
  | { readonly kind: "ahead"; readonly apps: readonly AppUid[] }
  | { readonly kind: "report-ack"; readonly sequence: number };

/** What the flows offer to whichever link carries it. */
export interface AgentGate {
  /**
   * Called once per connection with its first message. A refusal's reason is told to the agent.
   * `session.send` may be used from the moment this resolves with `accepted`: the link sends the ack first.
   */
  greet(
    session: AgentSession,
    hello: Hello,
  ): Promise<
    { kind: "accepted"; ack: HelloAck; onAckSent: () => void } | { kind: "refused"; code: string; message: string }
  >;
  /** Resolves when the reports are stored; the link then lets the flow acknowledge. */
  report(session: AgentSession, batch: { sequence: number; reports: readonly Report[] }): Promise<void>;
  heartbeat(session: AgentSession): void;
  acting(session: AgentSession, isActing: boolean): void;
  gone(session: AgentSession): void;
  /** Size and reader of a bundle, or null when it is not (or never was) assigned to this cluster. */
  openBundle(
    peer: Peer,
    digest: Digest,
  ): Promise<{ bytes: number; read(from: number, to: number): Promise<Uint8Array> } | null>;
}

/** A way for agents to reach the hub. */
export interface AgentLink {
  /** Starts serving; resolves with the endpoint that agents dial, `host:port`. */
  listen(gate: AgentGate): Promise<{ readonly endpoint: string }>;
  /** Ends every session and stops serving. */
  close(): Promise<void>;
}
