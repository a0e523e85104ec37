import type { ClusterId, HubId } from "@muster/shared/model/ids.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";

/** What a signing request asks for; its own signature has been checked. */
export interface SigningRequest {
  /** Hash of the requested key's SubjectPublicKeyInfo. */
  readonly publicKey: KeyHash;
  /** The same key, DER (SubjectPublicKeyInfo), for checking what it signed. */
  readonly publicKeyDer: Uint8Array;
}

export interface IssuedCertificate {
  readonly pem: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The hub's own root: says who an agent is, and signs what an agent must believe before it has a certificate. */
export interface CertificateAuthority {
  readonly hubId: HubId;
  /** The root certificate, PEM. */
  readonly root: string;
  readonly caHash: KeyHash;
  /** @throws AppError "invalid": not a PKCS#10 of a P-256 key signed by that key. */
  readSigningRequest(csr: Uint8Array): Promise<SigningRequest>;
  /** A client certificate that says `muster://<hub>/cluster/<id>?uid=<cluster uid>` and nothing else. */
  issueAgentCertificate(
    csr: Uint8Array,
    identity: { clusterId: ClusterId; clusterUid: string; now: number },
  ): Promise<IssuedCertificate>;
  /** Signature by the root's key over domain, NUL and payload (IEEE P1363). */
  sign(domain: "muster/enrolment-answer/v1", payload: Uint8Array): Uint8Array;
}

/** A certificate for serving TLS, with its key, that renews itself. */
export interface ServerCertificate {
  /** The pair to serve now, PEM. */
  current(): { readonly certificate: string; readonly key: string };
  /** Calls back after each renewal; returns the way to stop. */
  onRenewed(callback: (pair: { readonly certificate: string; readonly key: string }) => void): () => void;
}
