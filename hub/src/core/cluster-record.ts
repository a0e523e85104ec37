import { AppError } from "@muster/shared/errors.ts";
import { clusterId, name } from "@muster/shared/model/ids.ts";
import { keyHash } from "@muster/shared/model/joining.ts";
import { labels } from "@muster/shared/model/selector.ts";
import { z } from "zod";
import { owner } from "./documents/owner.ts";
import { changeLabels, labelConflict } from "./own-labels.ts";

/**
 * What the hub remembers of one cluster's membership: the document `clusters/<cluster id>`. Names are unique by a
 * second document, `cluster-names/<name>` → `{ id }`, written first (see flows/enroll-agents.ts).
 *
 * States of the identity: none (registered) → bound (joined: one key, one kube-system UID) → bound anew (joined again
 * with a later token, which supersedes the former key) → revoked (final; registering anew starts from none).
 * Pure transitions: each returns the next record or the reason why not. Hashes are computed outside.
 */

const instant = z.int();

export const joinToken = z.object({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** Hex SHA-256 of the secret; the secret itself is nowhere. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  expires: instant,
  /** Who it was used by. The same key and cluster may use it again, so that a pod that died halfway gets in. */
  usedBy: z.object({ publicKey: keyHash, clusterUid: z.string(), at: instant }).nullable(),
});
export type JoinToken = z.infer<typeof joinToken>;

const certificateRecord = z.object({ serial: z.string().regex(/^[0-9a-f]+$/), notAfter: instant });
export type CertificateRecord = z.infer<typeof certificateRecord>;

export const clusterIdentity = z.object({
  clusterUid: z.string().min(1).max(64),
  publicKey: keyHash,
  joined: instant,
  /** End of the newest certificate. */
  notAfter: instant,
  /** Newest first, for the audit; what counts is the key. */
  certificates: z.array(certificateRecord).max(16),
});
export type ClusterIdentity = z.infer<typeof clusterIdentity>;

const actor = z.object({ kind: z.enum(["person", "hub", "agent"]), name: z.string(), from: z.string().nullable() });

/** An audit entry that travels with the change it tells of, until it was drained into the journal by its id. */
export const clusterAuditEntry = z.object({
  id: z.string(),
  at: instant,
  actor,
  action: z.enum([
    "ClusterRegistered",
    "ClusterTokenMade",
    "ClusterJoined",
    "ClusterRejoined",
    "ClusterRevoked",
    "ClusterLabelled",
  ]),
  detail: z.string(),
});
export type ClusterAuditEntry = z.infer<typeof clusterAuditEntry>;

export const CLUSTER_AUDIT_MAX = 48;

export const clusterRecord = z.object({
  id: clusterId,
  name,
  labels,
  /** Of labels that are not the API's. */
  labelOwners: z.record(z.string(), owner).default({}),
  registered: instant,
  /** At most one that is open: a new one replaces the open one. Used ones stay for an hour. */
  tokens: z.array(joinToken).max(8),
  identity: clusterIdentity.nullable(),
  revoked: z.object({ at: instant, by: z.string() }).nullable(),
  /** Rises with each audited change; makes the entries' ids. */
  changes: z.int(),
  audit: z.array(clusterAuditEntry).max(CLUSTER_AUDIT_MAX),
});
export type ClusterRecord = z.infer<typeof clusterRecord>;

export const TOKEN_LIFE_MS = 60 * 60_000;
export const RENEWAL_GRACE_MS = 90 * 24 * 60 * 60_000;
const TOKENS_KEPT_MAX = 8;
const CERTIFICATES_KEPT_MAX = 16;

type Audited = Pick<ClusterAuditEntry, "at" | "actor" | "action" | "detail">;

/**
 * The record with one more audit entry. @throws AppError "unavailable" when so many wait to be drained into the
 * journal that no further change could be told of: then there is no further change.
 */
export function withAudit(record: ClusterRecord, entry: Audited): ClusterRecord {
  if (record.audit.length >= CLUSTER_AUDIT_MAX) {
    throw new AppError("unavailable", `${record.name}: ${record.audit.length} audit entries wait for the journal.`, {
      fix: "Nothing was changed. See why the hub cannot write its journal.",
    });
  }
  const changes = record.changes + 1;
  return { ...record, changes, audit: [...record.audit, { id: `cluster.${record.id}.${changes}`, ...entry }] };
}

type By = z.infer<typeof actor>;
type NewToken = Pick<JoinToken, "id" | "hash">;

export function registerCluster(input: {
  id: ClusterRecord["id"];
  name: string;
  labels: ClusterRecord["labels"];
  token: NewToken;
  now: number;
  by: By;
}): ClusterRecord {
  const record: ClusterRecord = {
    id: input.id,
    name: input.name,
    labels: input.labels,
    labelOwners: {},
    registered: input.now,
    tokens: [{ ...input.token, expires: input.now + TOKEN_LIFE_MS, usedBy: null }],
    identity: null,
    revoked: null,
    changes: 0,
    audit: [],
  };
  const detail = `registered ${input.name}, join token ${input.token.id}`;
  return withAudit(record, { at: input.now, actor: input.by, action: "ClusterRegistered", detail });
}

/**
 * A new token for a cluster that is registered already; an open one stops working. Labels given are set beside those it
 * has, but for a cluster that was removed: it starts anew, with those given only.
 */
export function renewToken(
  record: ClusterRecord,
  input: { labels: ClusterRecord["labels"]; token: NewToken; now: number; by: By },
): ClusterRecord {
  const used = record.tokens.filter((token) => token.usedBy !== null && token.expires > input.now);
  const fresh: JoinToken = { ...input.token, expires: input.now + TOKEN_LIFE_MS, usedBy: null };
  const { conflicts, ...labelled } = changeLabels(record, "api", { set: input.labels, remove: [] }, () => true);
  const [conflict] = record.revoked === null ? conflicts : [];
  if (conflict !== undefined) throw labelConflict(record.name, conflict, "api");
  const next: ClusterRecord = {
    ...record,
    ...(record.revoked === null ? labelled : { labels: input.labels, labelOwners: {} }),
    // A revoked cluster that is registered anew starts without an identity: its old key stays worthless.
    identity: record.revoked === null ? record.identity : null,
    revoked: null,
    tokens: [fresh, ...used].slice(0, TOKENS_KEPT_MAX),
  };
  const detail = `join token ${input.token.id} for ${record.name}`;
  return withAudit(next, { at: input.now, actor: input.by, action: "ClusterTokenMade", detail });
}

export type Verdict<T> =
  | ({ readonly kind: "accepted" } & T)
  | {
      readonly kind: "refused";
      readonly code: "unauthenticated" | "forbidden";
      readonly message: string;
      readonly fix?: string;
    };

const minutes = (ms: number): string => `${Math.max(1, Math.round(ms / 60_000))} min`;
const again = (record: ClusterRecord): string => `Make a new token: muster cluster register ${record.name}`;

/** Whether this token lets this key and cluster in. The caller has checked that the secret is known. */
export function judgeJoin(
  record: ClusterRecord,
  asked: { tokenId: string; publicKey: JoinToken["hash"]; clusterUid: string; now: number },
): Verdict<{ token: JoinToken; isRepeat: boolean }> {
  if (record.revoked !== null) {
    const message = `cannot join: ${record.name} was removed from this hub by ${record.revoked.by}.`;
    return { kind: "refused", code: "forbidden", message, fix: again(record) };
  }
  const token = record.tokens.find((candidate) => candidate.id === asked.tokenId);
  if (token === undefined) {
    const message = `cannot join: the token ${asked.tokenId} is not known for ${record.name}; a newer one may have replaced it.`;
    return { kind: "refused", code: "unauthenticated", message, fix: again(record) };
  }
  if (token.usedBy !== null && token.usedBy.clusterUid !== asked.clusterUid) {
    const message = `cannot join: this token was made for ${record.name} and was used by another cluster (kube-system ${token.usedBy.clusterUid}; this one is ${asked.clusterUid}).`;
    return { kind: "refused", code: "forbidden", message, fix: "Register this cluster under a name of its own." };
  }
  if (token.usedBy !== null && token.usedBy.publicKey !== asked.publicKey) {
    const message = `cannot join: this token of ${record.name} was used with another key; it works once. If the agent lost its identity Secret, it needs a new one.`;
    return { kind: "refused", code: "forbidden", message, fix: again(record) };
  }
  if (token.expires <= asked.now) {
    const message = `cannot join: this token of ${record.name} expired ${minutes(asked.now - token.expires)} ago.`;
    return { kind: "refused", code: "forbidden", message, fix: again(record) };
  }
  return { kind: "accepted", token, isRepeat: token.usedBy !== null };
}

/** Binds the identity. Only after `judgeJoin` accepted, with the certificate that was issued. */
export function bindIdentity(
  record: ClusterRecord,
  joined: {
    tokenId: string;
    publicKey: ClusterIdentity["publicKey"];
    clusterUid: string;
    certificate: CertificateRecord;
    now: number;
    from: string;
  },
): ClusterRecord {
  const { publicKey, clusterUid, certificate, now } = joined;
  const before = record.identity;
  const isSame = before !== null && before.publicKey === publicKey && before.clusterUid === clusterUid;
  const next: ClusterRecord = {
    ...record,
    tokens: record.tokens.map((token) =>
      token.id === joined.tokenId && token.usedBy === null
        ? { ...token, usedBy: { publicKey, clusterUid, at: now } }
        : token,
    ),
    identity: isSame
      ? addCertificate(before, certificate, now)
      : { clusterUid, publicKey, joined: now, notAfter: certificate.notAfter, certificates: [certificate] },
  };
  if (isSame) return next;
  const detail =
    before === null
      ? `joined with key ${publicKey}, kube-system ${clusterUid}`
      : `joined again with key ${publicKey}, kube-system ${clusterUid}; superseded key ${before.publicKey}, kube-system ${before.clusterUid}`;
  const by = { kind: "agent" as const, name: record.name, from: joined.from };
  return withAudit(next, { at: now, actor: by, action: before === null ? "ClusterJoined" : "ClusterRejoined", detail });
}

/** Whether a key still is this cluster's identity: asked at every Hello and at every renewal. */
export function judgeIdentity(
  record: ClusterRecord,
  shown: { publicKey: string; clusterUid: string },
): Verdict<{ identity: ClusterIdentity }> {
  if (record.revoked !== null) {
    const message = `${record.name} was removed from this hub by ${record.revoked.by}: its identity is revoked. What runs in the cluster keeps running.`;
    return { kind: "refused", code: "forbidden", message, fix: again(record) };
  }
  if (record.identity === null) {
    const message = `${record.name} is registered here, and no agent has joined as it.`;
    return { kind: "refused", code: "unauthenticated", message, fix: again(record) };
  }
  if (record.identity.publicKey !== shown.publicKey) {
    const message = `this identity of ${record.name} was superseded: an agent joined with another key since.`;
    return { kind: "refused", code: "forbidden", message, fix: again(record) };
  }
  if (record.identity.clusterUid !== shown.clusterUid) {
    const message = `${record.name} joined as the cluster with kube-system ${record.identity.clusterUid}, and this one is ${shown.clusterUid}: an identity belongs to one cluster.`;
    return { kind: "refused", code: "forbidden", message, fix: "Register this cluster under a name of its own." };
  }
  return { kind: "accepted", identity: record.identity };
}

/** Whether a certificate may be renewed, expired or not. */
export function judgeRenewal(
  record: ClusterRecord,
  shown: { publicKey: string; clusterUid: string; now: number },
): Verdict<{ identity: ClusterIdentity }> {
  const verdict = judgeIdentity(record, shown);
  if (verdict.kind === "refused") return { ...verdict, message: `cannot renew: ${verdict.message}` };
  const expiredForMs = shown.now - verdict.identity.notAfter;
  if (expiredForMs > RENEWAL_GRACE_MS) {
    const days = Math.floor(expiredForMs / (24 * 60 * 60_000));
    const message = `cannot renew: the certificate of ${record.name} expired ${days} days ago; it can be renewed for 90.`;
    return { kind: "refused", code: "forbidden", message, fix: again(record) };
  }
  return verdict;
}

export function renewIdentity(record: ClusterRecord, certificate: CertificateRecord, now: number): ClusterRecord {
  if (record.identity === null) return record;
  return { ...record, identity: addCertificate(record.identity, certificate, now) };
}

export function revokeCluster(record: ClusterRecord, input: { now: number; by: By }): ClusterRecord {
  if (record.revoked !== null) return record;
  const next: ClusterRecord = { ...record, tokens: [], revoked: { at: input.now, by: input.by.name } };
  const detail = `revoked the identity of ${record.name}`;
  return withAudit(next, { at: input.now, actor: input.by, action: "ClusterRevoked", detail });
}

function addCertificate(identity: ClusterIdentity, certificate: CertificateRecord, now: number): ClusterIdentity {
  const alive = identity.certificates.filter((other) => other.notAfter > now && other.serial !== certificate.serial);
  return {
    ...identity,
    notAfter: Math.max(identity.notAfter, certificate.notAfter),
    certificates: [certificate, ...alive].slice(0, CERTIFICATES_KEPT_MAX),
  };
}
