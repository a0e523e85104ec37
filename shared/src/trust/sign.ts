import { createHash, type KeyObject, sign } from "node:crypto";
import type { KeyHash } from "../model/joining.ts";
import { type Domain, inDomain } from "./domain.ts";

/** Ed25519 over domain, NUL and payload: 64 bytes, the same for the same input. */
export const signEd25519 = (privateKey: KeyObject, domain: Domain, payload: Uint8Array): Uint8Array =>
  new Uint8Array(sign(null, inDomain(domain, payload), privateKey));

/** ECDSA P-256 with SHA-256 over domain, NUL and payload, as IEEE P1363: 64 bytes. */
export const signP256 = (privateKey: KeyObject, domain: Domain, payload: Uint8Array): Uint8Array =>
  new Uint8Array(sign("sha256", inDomain(domain, payload), { key: privateKey, dsaEncoding: "ieee-p1363" }));

/** The id of an Ed25519 signing key, made from the key itself: two keys never share one. */
export const keyIdOf = (publicKey: Uint8Array): string =>
  `ed25519:${createHash("sha256").update(publicKey).digest("hex").slice(0, 32)}`;

/** `sha256:<hex>` over a SubjectPublicKeyInfo (DER). Over the hub's root key it is the CA hash. */
export const keyHashOf = (spki: Uint8Array): KeyHash =>
  `sha256:${createHash("sha256").update(spki).digest("hex")}` as KeyHash;

/** The raw 32 bytes of an Ed25519 public (or private) key's public part. */
export function rawEd25519(publicKey: KeyObject): Uint8Array {
  const { x } = publicKey.export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x ?? "", "base64url"));
}
