import { createPrivateKey, createPublicKey } from "node:crypto";
import type { Clock } from "@muster/shared/clock.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import { ENROLMENT_VERSION, type KeyHash } from "@muster/shared/model/joining.ts";
import type { KeySet } from "@muster/shared/model/session.ts";
import { isIssuedBy, readCertificate, readIdentityUri } from "@muster/shared/trust/certificates.ts";
import { DOMAIN } from "@muster/shared/trust/domain.ts";
import { joinRequestBytes, keySetFromJson, openAnswer, renewRequestBytes } from "@muster/shared/trust/enrolment.ts";
import { verifyKeySets } from "@muster/shared/trust/key-set.ts";
import { keyHashOf, signP256 } from "@muster/shared/trust/sign.ts";
import { hashTokenSecret, type JoinTokenText, macWithToken } from "@muster/shared/trust/tokens.ts";
import type { Membership, StoredIdentity } from "../ports/identity-store.ts";
import type { HubEnrolment, KeyMaker } from "../ports/joining.ts";

/** One question to the hub, and every check on its answer. Nothing is stored here. */

interface Means {
  readonly hub: HubEnrolment;
  readonly keys: KeyMaker;
  readonly caHash: KeyHash;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
}

const NONCE_BYTES = 32;

/** @throws AppError: the hub's refusal, or "unauthenticated"/"corrupt" when the answer does not hold. */
export async function askToJoin(
  means: Means,
  asker: { token: JoinTokenText; privateKey: string; clusterUid: string },
  signal: AbortSignal,
): Promise<Membership> {
  const unsigned = { ...(await commonOf(means, asker)), tokenId: asker.token.id };
  const mac = macWithToken(hashTokenSecret(asker.token.secret), joinRequestBytes(unsigned));
  const answer = await means.hub.join({ ...unsigned, mac }, { signal });
  const given = checkAnswer(means, answer, { ...asker, nonce: unsigned.nonce, verb: "join" });
  return { ...given, caHash: means.caHash, tokenId: asker.token.id };
}

/** @throws AppError as `askToJoin`. */
export async function askToRenew(
  means: Means,
  identity: Membership & { privateKey: string; clusterUid: string },
  signal: AbortSignal,
): Promise<Omit<Membership, "caHash" | "tokenId">> {
  const { hubId, clusterId, privateKey } = identity;
  const unsigned = { ...(await commonOf(means, identity)), hubId, clusterId };
  const signed = signP256(createPrivateKey(privateKey), DOMAIN.renew, renewRequestBytes(unsigned));
  const signature = Buffer.from(signed).toString("base64");
  const answer = await means.hub.renew({ ...unsigned, signature }, { signal });
  const given = checkAnswer(means, answer, { ...identity, nonce: unsigned.nonce, verb: "renew" });
  if (given.hubId !== hubId || given.clusterId !== clusterId) {
    throw new AppError(
      "unauthenticated",
      `cannot renew: the answer is for ${given.clusterId} of ${given.hubId}, and this is ${clusterId} of ${hubId}.`,
    );
  }
  return given;
}

async function commonOf(means: Means, asker: { privateKey: string; clusterUid: string }) {
  const csr = await means.keys.createSigningRequest(asker.privateKey);
  return {
    version: ENROLMENT_VERSION as 1,
    caHash: means.caHash,
    csr: Buffer.from(csr).toString("base64"),
    nonce: Buffer.from(means.random(NONCE_BYTES)).toString("hex"),
    clusterUid: asker.clusterUid,
    agentTime: means.clock.now(),
  };
}

function checkAnswer(
  means: Means,
  answer: unknown,
  asked: { privateKey: string; clusterUid: string; nonce: string; verb: "join" | "renew" },
): Omit<Membership, "caHash" | "tokenId"> {
  const madeFor = asked.verb === "join" ? "this token was made" : "this agent was installed";
  try {
    const { grant, root } = openAnswer(answer, { caHash: means.caHash, nonce: asked.nonce, madeFor });
    const certificate = readCertificate(grant.certificate);
    const now = means.clock.now();
    if (now < certificate.notBefore || now >= certificate.notAfter) {
      const [ours, theirs] = [new Date(now), new Date(grant.hubTime)].map((time) => time.toISOString());
      const message = `this cluster's clock says ${ours}, the hub's says ${theirs}: by this clock the new certificate is not valid.`;
      throw new AppError("unauthenticated", message, {
        fix: "Correct the clock that is off; the agent tries again by itself.",
      });
    }
    const { hubId, clusterId, clusterName } = grant;
    const { notBefore, notAfter } = certificate;
    const keySets = grant.keySets.map(keySetFromJson);
    const given = { hubId, clusterId, clusterName, root, certificate: grant.certificate, notBefore, notAfter };
    const membership = { ...given, keySets, endpoints: grant.endpoints };
    checkMembership(asked, membership, means.caHash);
    return membership;
  } catch (error) {
    if (!isAppError(error)) throw error;
    const fix = error.fix === undefined ? {} : { fix: error.fix };
    throw new AppError(error.code, `cannot ${asked.verb}: ${error.message}`, { cause: error, ...fix });
  }
}

/**
 * Whether the parts of a membership belong together and to this agent: root and CA hash, certificate and root, key and
 * certificate, the identity in it, the chain of key sets. Returns the chain, decoded. Says nothing about time.
 * @throws AppError "corrupt".
 */
export function checkMembership(
  own: Pick<StoredIdentity, "privateKey" | "clusterUid">,
  membership: Pick<Membership, "root" | "certificate" | "hubId" | "clusterId" | "keySets">,
  caHash: KeyHash,
): readonly KeySet[] {
  const root = readCertificate(membership.root);
  if (root.publicKey !== caHash)
    throw new AppError("corrupt", `the root certificate is ${root.publicKey}, not ${caHash}.`);
  if (!isIssuedBy(membership.certificate, membership.root)) {
    throw new AppError("corrupt", "the certificate was not issued by the hub's root.");
  }
  const certificate = readCertificate(membership.certificate);
  const ownKey = createPublicKey(createPrivateKey(own.privateKey)).export({ format: "der", type: "spki" });
  if (certificate.publicKey !== keyHashOf(ownKey)) {
    throw new AppError("corrupt", "the certificate is for another key than this agent's.");
  }
  const named = readIdentityUri(certificate.uris);
  const { hubId, clusterId } = membership;
  if (named.hubId !== hubId || named.clusterId !== clusterId || named.clusterUid !== own.clusterUid) {
    const message = `the certificate is for the cluster ${named.clusterId} (kube-system ${named.clusterUid}) of ${named.hubId}, and not for ${clusterId} (${own.clusterUid}) of ${hubId}.`;
    throw new AppError("corrupt", message);
  }
  return verifyKeySets(membership.keySets, root.spki);
}
