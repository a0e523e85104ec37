import { z } from "zod";

/**
 * What an agent and the hub say to each other over HTTPS before there is a link: joining (once, with a token) and
 * renewing (every certificate, with the agent's own key). Nothing here trusts the TLS underneath: a join request
 * proves the token without carrying it, a renewal is signed by the agent's key, and both answers are signed by the
 * hub's root, which must match the CA hash that came with the token. A proxy that terminates TLS changes nothing.
 */

export const ENROLMENT_VERSION = 1;

/** `sha256:<64 hex>` over the SubjectPublicKeyInfo (DER) of the hub's root certificate, or of any public key. */
export const keyHash = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, "a key hash reads sha256:<64 hex digits>")
  .brand<"KeyHash">();
export type KeyHash = z.infer<typeof keyHash>;

const base64 = (bytesMax: number) =>
  z
    .string()
    .regex(/^[A-Za-z0-9+/]*={0,2}$/, "not base64")
    .max(Math.ceil((bytesMax / 3) * 4) + 4);

/** Fresh for each request, 32 random bytes in hex; the answer echoes it. */
const nonce = z.string().regex(/^[0-9a-f]{64}$/, "a nonce is 64 hex digits");
const clusterUid = z.string().min(1).max(64);
const common = {
  version: z.literal(ENROLMENT_VERSION),
  /** The CA hash that the agent was installed with: the hub answers a mismatch in words. */
  caHash: keyHash,
  /** PKCS#10, DER, base64. */
  csr: base64(4_096),
  nonce,
  /** UID of the `kube-system` namespace. */
  clusterUid,
  /** By the agent's clock, milliseconds. */
  agentTime: z.int(),
};

export const joinRequest = z.object({
  ...common,
  tokenId: z.string().regex(/^[0-9a-f]{16}$/, "a token id is 16 hex digits"),
  /** Hex HMAC-SHA-256 over everything above, keyed with the SHA-256 of the token's secret. */
  mac: z.string().regex(/^[0-9a-f]{64}$/),
});
export type JoinRequest = z.infer<typeof joinRequest>;

export const renewRequest = z.object({
  ...common,
  hubId: z.string().min(1).max(64),
  clusterId: z.string().min(1).max(64),
  /** Base64 ECDSA-P256-SHA256 (IEEE P1363) over everything above, by the key that the hub knows the agent by. */
  signature: base64(64),
});
export type RenewRequest = z.infer<typeof renewRequest>;

/** The answer to both: payload bytes that nobody re-encodes, signed by the hub's root key. */
export const enrolmentAnswer = z.object({
  /** JSON of `membershipGrant`, base64. */
  payload: base64(128 * 1024),
  /** Base64 ECDSA-P256-SHA256 (IEEE P1363) over "muster/enrolment-answer/v1" NUL payload. */
  signature: base64(64),
  /** The hub's root certificate, PEM. Worth nothing until its key's hash is the expected one. */
  root: z.string().max(8_192),
});
export type EnrolmentAnswer = z.infer<typeof enrolmentAnswer>;

/** A SignedKeySet (session.ts) as JSON carries it. */
export const signedKeySetJson = z.object({
  payload: base64(16_384),
  keyId: z.string().max(128),
  signature: base64(128),
});
export type SignedKeySetJson = z.infer<typeof signedKeySetJson>;

/** What a cluster is given when it joins or renews. */
export const membershipGrant = z.object({
  version: z.literal(ENROLMENT_VERSION),
  nonce,
  hubId: z.string().min(1).max(64),
  clusterId: z.string().min(1).max(64),
  clusterName: z.string().min(1).max(63),
  clusterUid,
  /** The agent's client certificate, PEM. */
  certificate: z.string().max(8_192),
  /** Every key set there was, oldest first: an agent that slept through a rotation follows the chain. */
  keySets: z.array(signedKeySetJson).min(1).max(64),
  /** Where the link is, `host:port`, in order of preference. */
  endpoints: z.array(z.string().min(3).max(300)).min(1).max(16),
  /** By the hub's clock, milliseconds. */
  hubTime: z.int(),
});
export type MembershipGrant = z.infer<typeof membershipGrant>;

/** How far the clocks of agent and hub may be apart when joining or renewing. */
export const CLOCK_SKEW_MS_MAX = 5 * 60_000;
