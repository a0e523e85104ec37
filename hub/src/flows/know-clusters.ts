import type { Clock } from "@muster/shared/clock.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type ClusterId, name as nameSchema } from "@muster/shared/model/ids.ts";
import { createJoinToken, formatJoinToken, hashTokenSecret } from "@muster/shared/trust/tokens.ts";
import {
  type ClusterRecord,
  judgeIdentity,
  registerCluster,
  renewToken,
  revokeCluster,
  TOKEN_LIFE_MS,
} from "../core/cluster-record.ts";
import type { CertificateAuthority } from "../ports/certificate-authority.ts";
import type { ClusterIdentities } from "../ports/enrolment.ts";
import type { ClusterRecords } from "./cluster-records.ts";

const ATTEMPTS_MAX = 8;

/** Registers clusters, says whose certificate still counts, and revokes. */
export function createClusterIdentities(opts: {
  readonly records: ClusterRecords;
  readonly authority: Pick<CertificateAuthority, "hubId" | "caHash">;
  readonly clock: Clock;
  /** Cryptographically random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Log;
}): ClusterIdentities {
  const { records, authority, clock, log } = opts;

  return {
    hubId: authority.hubId,
    caHash: authority.caHash,

    async register(actor, cluster) {
      const parsed = nameSchema.safeParse(cluster.name);
      if (!parsed.success) {
        throw new AppError("invalid", `"${cluster.name}" cannot name a cluster: ${parsed.error.issues[0]?.message}.`);
      }
      const { name } = cluster;
      const now = clock.now();
      const newId = `c-${Buffer.from(opts.random(8)).toString("hex")}` as ClusterId;
      for (let attempt = 1; ; attempt++) {
        const id = await records.claimName(name, newId);
        const text = createJoinToken(opts.random);
        const token = { id: text.id, hash: hashTokenSecret(text.secret) };
        await records.announceToken(token.id, { cluster: id, expires: now + TOKEN_LIFE_MS }, now);
        try {
          const isNew = (await records.get(id)) === null;
          let record: ClusterRecord;
          if (isNew) {
            record = registerCluster({ id, name, labels: cluster.labels, token, now, by: actor });
            await records.create(record);
          } else {
            record = await records.change(id, (old) =>
              renewToken(old, { labels: cluster.labels, token, now, by: actor }),
            );
          }
          log.info({ cluster: id, name, tokenId: token.id, by: actor.name }, "join token made");
          return { record, token: formatJoinToken(text), expires: now + TOKEN_LIFE_MS, isNew };
        } catch (error) {
          // Registered, or forgotten, by somebody else in this moment.
          const isRace = isAppError(error, "conflict") || isAppError(error, "not-found");
          if (!isRace || attempt >= ATTEMPTS_MAX) throw error;
        }
      }
    },

    async checkPeer(peer, hello) {
      const record = await records.get(peer.clusterId);
      if (record === null) {
        const message = `this hub (${authority.hubId}) does not know the cluster ${peer.clusterId}; it was removed here, or the hub was restored from before it joined. What runs in the cluster keeps running. Make a new token: muster cluster register NAME`;
        return { kind: "refused", code: "unauthenticated", message };
      }
      if (hello.clusterUid !== peer.clusterUid) {
        const message = `the certificate of ${record.name} was made for the cluster with kube-system ${peer.clusterUid}, and this one is ${hello.clusterUid}: an identity belongs to one cluster. Register this cluster under a name of its own.`;
        return { kind: "refused", code: "forbidden", message };
      }
      const verdict = judgeIdentity(record, { publicKey: peer.publicKey, clusterUid: peer.clusterUid });
      if (verdict.kind === "accepted") return { kind: "known", record };
      return { kind: "refused", code: verdict.code, message: [verdict.message, verdict.fix].filter(Boolean).join(" ") };
    },

    async revoke(actor, id) {
      const record = await records.change(id, (old) => revokeCluster(old, { now: clock.now(), by: actor }));
      log.info({ cluster: id, name: record.name, by: actor.name }, "cluster revoked");
      return record;
    },

    forget: (id) => records.remove(id, (record) => record.revoked !== null && record.audit.length === 0),
  };
}
