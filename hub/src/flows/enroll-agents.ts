import type { Clock } from "@muster/shared/clock.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import {
  CLOCK_SKEW_MS_MAX,
  ENROLMENT_VERSION,
  type EnrolmentAnswer,
  type JoinRequest,
  type RenewRequest,
} from "@muster/shared/model/joining.ts";
import { DOMAIN } from "@muster/shared/trust/domain.ts";
import { joinRequestBytes, keySetToJson, renewRequestBytes, signAnswer } from "@muster/shared/trust/enrolment.ts";
import { isEqualHex, macWithToken } from "@muster/shared/trust/tokens.ts";
import { verifyP256 } from "@muster/shared/trust/verify.ts";
import {
  bindIdentity,
  type ClusterRecord,
  judgeJoin,
  judgeRenewal,
  renewIdentity,
  type Verdict,
} from "../core/cluster-record.ts";
import type { AssignmentSigner } from "../ports/assignment-signer.ts";
import type { CertificateAuthority, IssuedCertificate } from "../ports/certificate-authority.ts";
import type { Enrolment } from "../ports/enrolment.ts";
import type { ClusterRecords } from "./cluster-records.ts";
import { createNonceMemory } from "./nonce-memory.ts";

/** Certificates made at once. A signature and its checks cost milliseconds; the rest of a storm tries again. */
const AT_ONCE_MAX = 64;

export interface EnrolmentOptions {
  readonly records: ClusterRecords;
  readonly authority: CertificateAuthority;
  readonly signer: Pick<AssignmentSigner, "keySets">;
  readonly clock: Clock;
  /** Where agents reach the link: `host:port`, in order of preference. */
  readonly endpoints: () => readonly string[];
  readonly log: Log;
}

/**
 * Joining and renewing. The cheapest check comes first, and nothing is signed or stored for who failed one: a token's
 * MAC (joining) or the agent's own signature (renewing) is checked before the request for a certificate is looked at.
 */
export function createEnrolment(opts: EnrolmentOptions): Enrolment {
  const { authority, clock, records, log } = opts;
  const seen = createNonceMemory({ keepMs: 2 * CLOCK_SKEW_MS_MAX, lengthMax: 20_000 });
  let underWay = 0;

  const admitted = async <T>(run: () => Promise<T>): Promise<T> => {
    if (underWay >= AT_ONCE_MAX)
      throw new AppError("unavailable", "the hub is busy letting other agents in; try again.");
    underWay += 1;
    try {
      return await run();
    } finally {
      underWay -= 1;
    }
  };

  const checkClock = (verb: "join" | "renew", agentTime: number): void => {
    const apartMs = agentTime - clock.now();
    if (Math.abs(apartMs) <= CLOCK_SKEW_MS_MAX) return;
    const [theirs, ours] = [new Date(agentTime), new Date(clock.now())].map((time) => time.toISOString());
    const apart = `${Math.round(Math.abs(apartMs) / 60_000)} min`;
    const message = `cannot ${verb}: this cluster's clock says ${theirs}, the hub's says ${ours}: they are ${apart} apart, and 5 min is the most.`;
    throw new AppError("unauthenticated", message, {
      fix: "Correct the clock that is off; the agent tries again by itself.",
    });
  };

  const answer = (
    record: ClusterRecord,
    certificate: IssuedCertificate,
    nonce: string,
    clusterUid: string,
  ): EnrolmentAnswer =>
    signAnswer(
      {
        version: ENROLMENT_VERSION,
        nonce,
        hubId: authority.hubId,
        clusterId: record.id,
        clusterName: record.name,
        clusterUid,
        certificate: certificate.pem,
        keySets: opts.signer.keySets().map(keySetToJson),
        endpoints: [...opts.endpoints()],
        hubTime: clock.now(),
      },
      authority.root,
      (payload) => authority.sign(DOMAIN.enrolmentAnswer, payload),
    );

  const join = async (request: JoinRequest, from: string): Promise<EnrolmentAnswer> => {
    const found = await records.byToken(request.tokenId);
    const name = found?.name ?? "NAME";
    refuseOtherHub("join", authority.caHash, request.caHash, name);
    const token = found?.tokens.find(({ id }) => id === request.tokenId);
    if (found === null || token === undefined) {
      const message = `cannot join: this hub does not know the token ${request.tokenId}; it may have expired, or a newer one replaced it.`;
      throw new AppError("unauthenticated", message, { fix: `Make a new token: muster cluster register ${name}` });
    }
    if (!isEqualHex(request.mac, macWithToken(token.hash, joinRequestBytes(request)))) {
      const message = `cannot join: the secret of the token ${request.tokenId} is wrong, or the request was altered on its way.`;
      throw new AppError("unauthenticated", message, { fix: "Copy join.token whole, as it was printed." });
    }
    checkClock("join", request.agentTime);
    const csr = Buffer.from(request.csr, "base64");
    const { publicKey } = await authority.readSigningRequest(csr);
    const asked = { tokenId: request.tokenId, publicKey, clusterUid: request.clusterUid };
    accept(judgeJoin(found, { ...asked, now: clock.now() }));

    const identity = { clusterId: found.id, clusterUid: request.clusterUid, now: clock.now() };
    const certificate = await authority.issueAgentCertificate(csr, identity);
    // Judged again on what is stored now: of two that use one token at once, one is refused.
    const record = await records.change(found.id, (current) => {
      const now = clock.now();
      accept(judgeJoin(current, { ...asked, now }));
      return bindIdentity(current, { ...asked, certificate, now, from });
    });
    log.info({ cluster: record.id, name: record.name, publicKey, serial: certificate.serial, from }, "cluster joined");
    return answer(record, certificate, request.nonce, request.clusterUid);
  };

  const renew = async (request: RenewRequest, from: string): Promise<EnrolmentAnswer> => {
    const found = await records.get(request.clusterId as ClusterId);
    const name = found?.name ?? "NAME";
    refuseOtherHub("renew", authority.caHash, request.caHash, name);
    if (found === null || request.hubId !== authority.hubId) {
      const message = `cannot renew: this hub (${authority.hubId}) does not know the cluster ${request.clusterId}; it was removed here, or the hub was restored from before it joined.`;
      throw new AppError("unauthenticated", message, { fix: `Make a new token: muster cluster register ${name}` });
    }
    checkClock("renew", request.agentTime);
    const csr = Buffer.from(request.csr, "base64");
    const { publicKey, publicKeyDer } = await authority.readSigningRequest(csr);
    const signature = Buffer.from(request.signature, "base64");
    if (!verifyP256(publicKeyDer, DOMAIN.renew, renewRequestBytes(request), signature)) {
      throw new AppError("unauthenticated", "cannot renew: the request is not signed by the key that it asks for.");
    }
    const shown = { publicKey, clusterUid: request.clusterUid };
    accept(judgeRenewal(found, { ...shown, now: clock.now() }));
    // Remembered only for who holds the key: nobody else can fill the memory.
    if (!seen.remember(request.nonce, clock.now())) {
      throw new AppError(
        "unauthenticated",
        "cannot renew: this very request was answered before; something replayed it.",
      );
    }
    const identity = { clusterId: found.id, clusterUid: request.clusterUid, now: clock.now() };
    const certificate = await authority.issueAgentCertificate(csr, identity);
    const record = await records.change(found.id, (current) => {
      const now = clock.now();
      accept(judgeRenewal(current, { ...shown, now }));
      return renewIdentity(current, certificate, now);
    });
    log.info({ cluster: record.id, name: record.name, serial: certificate.serial, from }, "certificate renewed");
    return answer(record, certificate, request.nonce, request.clusterUid);
  };

  const logged = async <T>(
    verb: string,
    request: { clusterUid: string },
    from: string,
    run: () => Promise<T>,
  ): Promise<T> => {
    try {
      return await admitted(run);
    } catch (error) {
      const why = isAppError(error) ? { code: error.code, reason: error.message } : { err: error };
      log.warn({ clusterUid: request.clusterUid, from, ...why }, `${verb} refused`);
      throw error;
    }
  };

  return {
    join: (request, { from }) => logged("join", request, from, () => join(request, from)),
    renew: (request, { from }) => logged("renewal", request, from, () => renew(request, from)),
  };
}

function refuseOtherHub(verb: "join" | "renew", own: string, expected: string, name: string): void {
  if (own === expected) return;
  const madeFor = verb === "join" ? "this token was made" : "this agent was installed";
  throw new AppError("forbidden", `cannot ${verb}: the hub's CA is ${own}, ${madeFor} for ${expected}.`, {
    fix: `Something stands between this cluster and the hub, or the hub was rebuilt. Make a new token: muster cluster register ${name}`,
  });
}

function accept<T>(verdict: Verdict<T>): void {
  if (verdict.kind === "accepted") return;
  throw new AppError(verdict.code, verdict.message, verdict.fix === undefined ? {} : { fix: verdict.fix });
}
