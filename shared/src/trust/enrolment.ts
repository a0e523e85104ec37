import { AppError } from "../errors.ts";
import type {
  EnrolmentAnswer,
  JoinRequest,
  MembershipGrant,
  RenewRequest,
  SignedKeySetJson,
} from "../model/joining.ts";
import { enrolmentAnswer, membershipGrant } from "../model/joining.ts";
import type { SignedKeySet } from "../model/session.ts";
import { readModel } from "../wire/read.ts";
import { readCertificate } from "./certificates.ts";
import { DOMAIN, inDomain } from "./domain.ts";
import { verifyP256 } from "./verify.ts";

/** What the join request's HMAC is over: every other field, in a fixed order that cannot be read in two ways. */
export function joinRequestBytes(request: Omit<JoinRequest, "mac">): Uint8Array {
  const { version, tokenId, caHash, csr, nonce, clusterUid, agentTime } = request;
  return inDomain(
    DOMAIN.join,
    Buffer.from(JSON.stringify([version, tokenId, caHash, csr, nonce, clusterUid, agentTime])),
  );
}

/** What the renew request's signature is over (its domain is added by signing). */
export function renewRequestBytes(request: Omit<RenewRequest, "signature">): Uint8Array {
  const { version, hubId, clusterId, caHash, csr, nonce, clusterUid, agentTime } = request;
  return Buffer.from(JSON.stringify([version, hubId, clusterId, caHash, csr, nonce, clusterUid, agentTime]));
}

/** `sign` is the root's, over the domain of answers. */
export function signAnswer(
  grant: MembershipGrant,
  root: string,
  sign: (payload: Uint8Array) => Uint8Array,
): EnrolmentAnswer {
  const payload = Buffer.from(JSON.stringify(grant), "utf8");
  return { payload: payload.toString("base64"), signature: Buffer.from(sign(payload)).toString("base64"), root };
}

/**
 * The grant inside an answer, if the root that signed it is the one whose hash is expected and it answers this nonce.
 * Nothing else of the answer may be used before this returned.
 * @throws AppError "unauthenticated" (another root, a wrong signature, another nonce), "invalid" (no such answer).
 */
export function openAnswer(
  received: unknown,
  expected: { caHash: string; nonce: string; madeFor: "this token was made" | "this agent was installed" },
): { grant: MembershipGrant; root: string; rootKey: Uint8Array } {
  const answer = readModel(enrolmentAnswer, received, "the hub's answer");
  const root = readCertificate(answer.root);
  if (root.publicKey !== expected.caHash) {
    throw new AppError(
      "unauthenticated",
      `the hub's CA is ${root.publicKey}, ${expected.madeFor} for ${expected.caHash}.`,
      { fix: "Something stands between this cluster and the hub, or the hub was rebuilt." },
    );
  }
  const payload = Buffer.from(answer.payload, "base64");
  if (!verifyP256(root.spki, DOMAIN.enrolmentAnswer, payload, Buffer.from(answer.signature, "base64"))) {
    throw new AppError(
      "unauthenticated",
      "the hub's answer is not signed by its root: something altered it on the way.",
    );
  }
  const grant = readModel(membershipGrant, parseJson(payload), "the hub's answer");
  if (grant.nonce !== expected.nonce) {
    throw new AppError("unauthenticated", "the hub's answer belongs to another request: something replayed it.");
  }
  return { grant, root: answer.root, rootKey: root.spki };
}

export const keySetToJson = (signed: SignedKeySet): SignedKeySetJson => ({
  payload: Buffer.from(signed.payload).toString("base64"),
  keyId: signed.keyId,
  signature: Buffer.from(signed.signature).toString("base64"),
});

export const keySetFromJson = (json: SignedKeySetJson): SignedKeySet => ({
  payload: new Uint8Array(Buffer.from(json.payload, "base64")),
  keyId: json.keyId,
  signature: new Uint8Array(Buffer.from(json.signature, "base64")),
});

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new AppError("invalid", "the hub's answer is not JSON", { cause });
  }
}
