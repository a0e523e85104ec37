import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";
import { describe, expect, it } from "vitest";
import {
  bindIdentity,
  CLUSTER_AUDIT_MAX,
  type ClusterRecord,
  clusterRecord,
  judgeIdentity,
  judgeJoin,
  judgeRenewal,
  registerCluster,
  renewIdentity,
  renewToken,
  revokeCluster,
} from "./cluster-record.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const by = { kind: "person", name: "admin", from: null } as const;
const key = (digit: string) => `sha256:${digit.repeat(64)}` as KeyHash;
const token = (digit: string) => ({ id: digit.repeat(16), hash: digit.repeat(64) });
const certificate = (serial: string, notAfter: number) => ({ serial, notAfter });

const registered = (): ClusterRecord =>
  registerCluster({
    id: "c-1" as ClusterId,
    name: "prod-eu-1",
    labels: { env: "prod" },
    token: token("1"),
    now: 0,
    by,
  });
const joinAs = (record: ClusterRecord, digit: string, publicKey: KeyHash, clusterUid: string, now: number) =>
  bindIdentity(record, {
    tokenId: token(digit).id,
    publicKey,
    clusterUid,
    certificate: certificate(`${digit}f`, now + DAY),
    now,
    from: "192.0.2.1",
  });
const joined = () => joinAs(registered(), "1", key("a"), "uid-1", 10);
const actions = (record: ClusterRecord) => record.audit.map(({ action }) => action);

describe("a cluster's membership", () => {
  it("is a valid document in every state, with an audit entry for every change of identity", () => {
    const again = renewToken(joined(), { labels: {}, token: token("2"), now: 20, by });
    const rejoined = joinAs(again, "2", key("b"), "uid-1", 30);
    const revoked = revokeCluster(rejoined, { now: 40, by });
    for (const record of [registered(), joined(), again, rejoined, revoked]) {
      expect(clusterRecord.parse(record)).toEqual(record);
    }
    expect(actions(revoked)).toEqual([
      ...["ClusterRegistered", "ClusterJoined", "ClusterTokenMade", "ClusterRejoined", "ClusterRevoked"],
    ]);
    expect(new Set(revoked.audit.map(({ id }) => id)).size).toBe(5);
  });

  it.each([
    ["a token nobody made", registered(), { tokenId: token("9").id }, /is not known for prod-eu-1/],
    ["one that expired", registered(), { now: HOUR }, /expired 1 min ago/],
    ["one that another cluster used", joined(), { clusterUid: "uid-2" }, /used by another cluster/],
    ["one that another key used", joined(), { publicKey: key("b") }, /used with another key/],
    ["one that was replaced", renewToken(registered(), { labels: {}, token: token("2"), now: 1, by }), {}, /not known/],
    [
      "any, when the cluster was removed",
      revokeCluster(joined(), { now: 5, by }),
      {},
      /was removed from this hub by admin/,
    ],
  ])("does not begin with %s", (_, record, more, message) => {
    const asked = { tokenId: token("1").id, publicKey: key("a"), clusterUid: "uid-1", now: 50, ...more };
    expect(judgeJoin(record, asked)).toMatchObject({ kind: "refused", message });
  });

  it("begins with a fresh token, and again with the same token, key and cluster", () => {
    const asked = { tokenId: token("1").id, publicKey: key("a"), clusterUid: "uid-1", now: 50 };
    expect(judgeJoin(registered(), asked)).toMatchObject({ kind: "accepted", isRepeat: false });
    expect(judgeJoin(joined(), asked)).toMatchObject({ kind: "accepted", isRepeat: true });
    const repeated = joinAs(joined(), "1", key("a"), "uid-1", 60);
    expect(actions(repeated)).toEqual(actions(joined()));
    expect(repeated.identity?.joined).toBe(10);
  });

  it.each([
    ["before anyone joined", registered(), {}, /no agent has joined/],
    ["after it was revoked", revokeCluster(joined(), { now: 40, by }), {}, /identity is revoked/],
    [
      "of a former key",
      joinAs(renewToken(joined(), { labels: {}, token: token("2"), now: 20, by }), "2", key("b"), "uid-1", 30),
      {},
      /superseded/,
    ],
    ["in another cluster", joined(), { clusterUid: "uid-2" }, /belongs to one cluster/],
  ])("is not accepted %s", (_, record, more, message) => {
    const shown = { publicKey: key("a"), clusterUid: "uid-1", ...more };
    expect(judgeIdentity(record, shown)).toMatchObject({ kind: "refused", message });
    expect(judgeRenewal(record, { ...shown, now: 50 })).toMatchObject({ kind: "refused", message });
  });

  it("may be renewed until 90 days after the newest certificate's end", () => {
    const shown = { publicKey: key("a"), clusterUid: "uid-1" };
    const end = 10 + DAY;
    expect(judgeRenewal(joined(), { ...shown, now: end + 90 * DAY }).kind).toBe("accepted");
    expect(judgeRenewal(joined(), { ...shown, now: end + 91 * DAY })).toMatchObject({ message: /expired 91 days ago/ });
  });

  it("keeps a bounded list of certificates, the newest first", () => {
    let record = joined();
    for (let i = 1; i <= 40; i++) record = renewIdentity(record, certificate(`${i}e`, DAY + i), i);
    expect(record.identity?.certificates).toHaveLength(16);
    expect(record.identity?.certificates[0]?.serial).toBe("40e");
    expect(record.identity?.notAfter).toBe(DAY + 40);
  });

  it("that was revoked starts without an identity when it is registered anew", () => {
    const again = renewToken(revokeCluster(joined(), { now: 40, by }), { labels: {}, token: token("2"), now: 50, by });
    expect([again.identity, again.revoked]).toEqual([null, null]);
    expect(judgeIdentity(again, { publicKey: key("a"), clusterUid: "uid-1" }).kind).toBe("refused");
  });

  it("keeps its labels beside those of a new registration, but for one that was removed", () => {
    const anew = (record: ClusterRecord) =>
      renewToken(record, { labels: { region: "eu" }, token: token("2"), now: 50, by }).labels;
    expect(anew(registered())).toEqual({ env: "prod", region: "eu" });
    expect(anew(joined())).toEqual({ env: "prod", region: "eu" });
    expect(anew(revokeCluster(joined(), { now: 40, by }))).toEqual({ region: "eu" });
  });

  it("takes no change that could not be told of", () => {
    let record = registered();
    const next = () => renewToken(record, { labels: {}, token: token("2"), now: 50, by });
    while (record.audit.length < CLUSTER_AUDIT_MAX) record = next();
    expect(next).toThrow(/wait for the journal/);
  });
});
