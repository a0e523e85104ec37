import type { EnrolmentAnswer, JoinRequest, RenewRequest } from "@muster/shared/model/joining.ts";

/**
 * The hub's HTTPS address, as far as joining and renewing need it. It is not trusted: the flow verifies the answer.
 * @throws AppError "unavailable" (no contact, not in time, or the hub is busy), or the hub's own refusal with its code,
 * message and fix ("unauthenticated", "forbidden", "invalid").
 */
export interface HubEnrolment {
  join(request: JoinRequest, opts: { signal: AbortSignal }): Promise<EnrolmentAnswer>;
  renew(request: RenewRequest, opts: { signal: AbortSignal }): Promise<EnrolmentAnswer>;
}

/** Makes keys and signing requests. */
export interface KeyMaker {
  /** A new P-256 private key, PKCS#8 PEM. */
  createKey(): Promise<string>;
  /** PKCS#10 (DER) for the key; the subject carries nothing that anyone would believe. */
  createSigningRequest(privateKey: string): Promise<Uint8Array>;
}
