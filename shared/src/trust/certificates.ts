import { X509Certificate } from "node:crypto";
import { AppError } from "../errors.ts";
import type { KeyHash } from "../model/joining.ts";
import { keyHashOf } from "./sign.ts";

/** What a certificate says, as far as Muster asks. Nothing is verified by reading it. */
export interface CertificateFacts {
  /** Lower-case hex. */
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyHash;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly uris: readonly string[];
}

/** @throws AppError "invalid": not a certificate. */
export function readCertificate(pemOrDer: string | Uint8Array): CertificateFacts {
  const certificate = parse(pemOrDer);
  const spki = new Uint8Array(certificate.publicKey.export({ format: "der", type: "spki" }));
  return {
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    publicKey: keyHashOf(spki),
    spki,
    uris: urisOf(certificate.subjectAltName),
  };
}

/** Whether the root's key signed this certificate. Says nothing about time. */
export function isIssuedBy(certificate: string, root: string): boolean {
  const [leaf, issuer] = [parse(certificate), parse(root)];
  return issuer.ca && leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
}

/** The DNS name that the hub's link certificate always carries, wherever the hub is reached. */
export const LINK_SERVER_NAME = "link.hub.muster.internal";

export interface AgentIdentityUri {
  readonly hubId: string;
  readonly clusterId: string;
  readonly clusterUid: string;
}

export const formatIdentityUri = (identity: AgentIdentityUri): string =>
  `muster://${encodeURIComponent(identity.hubId)}/cluster/${encodeURIComponent(identity.clusterId)}?uid=${encodeURIComponent(identity.clusterUid)}`;

/** The one identity that a client certificate carries. @throws AppError "unauthenticated" when there is none, or two. */
export function readIdentityUri(uris: readonly string[]): AgentIdentityUri {
  const found = uris.filter((uri) => uri.startsWith("muster://"));
  const match =
    found.length === 1 ? /^muster:\/\/([^/?#]+)\/cluster\/([^/?#]+)\?uid=([^&#]+)$/.exec(found[0] ?? "") : null;
  if (match === null) {
    throw new AppError("unauthenticated", "the client certificate does not say which cluster it is for");
  }
  const [hubId = "", clusterId = "", clusterUid = ""] = match.slice(1).map(decodeURIComponent);
  return { hubId, clusterId, clusterUid };
}

function parse(pemOrDer: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(typeof pemOrDer === "string" ? pemOrDer : Buffer.from(pemOrDer));
  } catch (cause) {
    throw new AppError("invalid", "this is not a certificate", { cause });
  }
}

/** Node prints `URI:a, DNS:b` and quotes as JSON whatever could be mistaken for the separator. */
function urisOf(subjectAltName: string | undefined): string[] {
  const parts = subjectAltName?.match(/(?:[A-Za-z ]+):(?:"(?:[^"\\]|\\.)*"|[^,"]*)/g) ?? [];
  return parts.flatMap((part) => {
    const text = part.trim();
    if (!text.startsWith("URI:")) return [];
    const value = text.slice(4);
    return [value.startsWith('"') ? (JSON.parse(value) as string) : value];
  });
}
