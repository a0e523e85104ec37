import { createPublicKey, type KeyObject, verify } from "node:crypto";
import type { SignedAssignment } from "../model/assignment.ts";
import type { KeySet } from "../model/session.ts";
import { DOMAIN, type Domain, inDomain } from "./domain.ts";

/** Whether the Ed25519 signature is of this key, over this domain and payload. Malformed input is false, not an error. */
export function verifyEd25519(
  publicKey: Uint8Array,
  domain: Domain,
  payload: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.byteLength !== 32 || signature.byteLength !== 64) return false;
  try {
    return verify(null, inDomain(domain, payload), ed25519Key(publicKey), signature);
  } catch {
    return false;
  }
}

/** Whether the P-256 signature (IEEE P1363) is of this key (SubjectPublicKeyInfo, DER). */
export function verifyP256(spki: Uint8Array, domain: Domain, payload: Uint8Array, signature: Uint8Array): boolean {
  if (signature.byteLength !== 64) return false;
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") return false;
    return verify("sha256", inDomain(domain, payload), { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}

export type SignatureVerdict =
  | { readonly kind: "valid" }
  | { readonly kind: "key-unknown"; readonly message: string }
  | { readonly kind: "signature-invalid"; readonly message: string };

/**
 * Whether the payload is what the hub signed. Says nothing about which cluster, hub or generation it is for: that is
 * inside, and may be decoded once this is `valid`.
 */
export function verifyAssignment(signed: SignedAssignment, keys: KeySet): SignatureVerdict {
  const key = keys.keys.find((candidate) => candidate.id === signed.keyId);
  if (key === undefined) {
    const known = keys.keys.map(({ id }) => id).join(", ");
    const message = `signed with the key ${signed.keyId}, which key set ${keys.version} does not hold (it holds ${known})`;
    return { kind: "key-unknown", message };
  }
  if (verifyEd25519(key.publicKey, DOMAIN.assignment, signed.payload, signed.signature)) return { kind: "valid" };
  return { kind: "signature-invalid", message: `the signature by ${signed.keyId} does not match the payload` };
}

function ed25519Key(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
