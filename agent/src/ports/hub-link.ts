import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { AppUid, Digest } from "@muster/shared/model/ids.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { Hello, HelloAck, SignedKeySet } from "@muster/shared/model/session.ts";

/** The agent's way to the hub: it dials, the hub never does. */
export interface HubLink {
  /**
   * Connects, says hello and waits for the ack. One session at a time.
   * @throws AppError "unavailable" (no contact, or not in time), "forbidden" (the hub refused: `message` says why),
   * "unauthenticated" (the certificate is not accepted), "unsupported" (no common protocol version).
   */
  connect(hello: Hello, opts: { signal: AbortSignal }): Promise<HubSession>;
  close(): Promise<void>;
}

export type HubMessage =
  | { readonly kind: "assignment"; readonly signed: SignedAssignment }
  | { readonly kind: "in-sync" }
  | { readonly kind: "ahead"; readonly apps: readonly AppUid[] }
  | { readonly kind: "key-set"; readonly keySet: SignedKeySet };

export interface HubSession {
  readonly ack: HelloAck;
  /** Ends normally when the session is closed; throws the AppError that ended it otherwise. */
  readonly messages: AsyncIterable<HubMessage>;
  /** Resolves when the hub has stored the reports. @throws AppError "unavailable" when the session ends first. */
  report(reports: readonly Report[], opts: { signal: AbortSignal }): Promise<void>;
  setActing(isActing: boolean): void;
  /**
   * The bundle's compressed bytes in order. Not verified: the caller checks the digest.
   * @throws AppError "forbidden" (not assigned to this cluster), "not-found", "unavailable".
   */
  fetchBundle(digest: Digest, opts: { offset: number; signal: AbortSignal }): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}
