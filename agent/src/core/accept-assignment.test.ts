import { CAPABILITIES } from "@muster/shared/model/assignment.ts";
import type { AppUid, ClusterId, HubId } from "@muster/shared/model/ids.ts";
import type { Mark } from "@muster/shared/model/mark.ts";
import { describe, expect, test } from "vitest";
import { acceptAssignment } from "./accept-assignment.ts";

const sha = "ab".repeat(32);
const uid = "uid" as AppUid;
const held = (generation: number, epoch = { number: 2, tag: "t" }, payloadSha256 = sha): Mark => ({
  hubId: "hub" as HubId,
  appUid: uid,
  epoch,
  generation,
  payloadSha256,
});
const header = {
  hubId: "hub" as HubId,
  clusterId: "cluster" as ClusterId,
  app: { uid, project: "p", name: "a" },
  epoch: { number: 2, tag: "t" },
  generation: 5,
  requires: ["apply/v1"],
};

describe("acceptAssignment", () => {
  test.each([
    ["the first of an App", {}, null, "accept"],
    ["a newer generation", {}, held(4), "accept"],
    ["a newer epoch, whatever its generation", {}, held(900, { number: 1, tag: "x" }), "accept"],
    ["the same again", {}, held(5), "same"],
    [
      "the same generation with other content",
      {},
      held(5, { number: 2, tag: "t" }, "cd".repeat(32)),
      "GenerationForked",
    ],
    ["an older generation", {}, held(6), "GenerationOlder"],
    ["an older epoch", {}, held(1, { number: 3, tag: "z" }), "GenerationOlder"],
    ["an epoch of the same number and another tag", {}, held(1, { number: 2, tag: "z" }), "EpochUnknown"],
    ["another hub's", { hubId: "other" as HubId }, null, "WrongHub"],
    ["another cluster's", { clusterId: "other" as ClusterId }, null, "WrongCluster"],
    ["one that needs more", { requires: ["apply/v1", "waves/v1"] }, null, "CapabilityMissing"],
    // What is older is not looked at any further: its needs do not matter.
    ["an older one that needs more", { requires: ["waves/v1"] }, held(6), "GenerationOlder"],
  ])("%s", (_, change, mark, expected) => {
    const decision = acceptAssignment({
      assignment: { ...header, ...change },
      payloadSha256: sha,
      held: mark,
      hubId: "hub",
      clusterId: "cluster",
      capabilities: CAPABILITIES,
    });
    expect(decision.kind === "refuse" ? decision.problem.code : decision.kind).toBe(expected);
    if (decision.kind === "accept") expect(decision.mark).toEqual(held(5));
  });
});
