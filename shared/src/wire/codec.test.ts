import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { isAppError } from "../errors.ts";
import type { Assignment, SignedAssignment } from "../model/assignment.ts";
import type { AppUid } from "../model/ids.ts";
import { assignmentV1, helloV1, reportV1, tombstoneV1 } from "../testing/wire-v1.ts";
import { decodeAssignment, decodeAssignmentHeader, encodeAssignment } from "./assignment.ts";
import { decodeBundleRequest, encodeBundleRequest } from "./bundle.ts";
import { AssignmentSchema } from "./generated/muster/v1/assignment_pb.js";
import { ReportSchema } from "./generated/muster/v1/report_pb.js";
import { MESSAGE_BYTES_MAX } from "./read.ts";
import { decodeReport, encodeReport, reportToMessage } from "./report.ts";
import {
  type AgentEnvelope,
  decodeAgentEnvelope,
  decodeHubEnvelope,
  encodeAgentEnvelope,
  encodeHubEnvelope,
  type HubEnvelope,
} from "./session.ts";

const signed: SignedAssignment = { payload: encodeAssignment(assignmentV1), keyId: "k", signature: new Uint8Array(64) };
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return isAppError(error) ? error.code : `not an AppError: ${error}`;
  }
  return "nothing thrown";
};

describe("assignments", () => {
  const limit = (approval: string | null) => ({ removal: { approval, objectsMax: 20 } });
  const limited = { ...assignmentV1, content: { ...assignmentV1.content, ...limit(null) } };
  const approved = { ...tombstoneV1, content: { ...tombstoneV1.content, ...limit("ap-1f2e3d4c") } };

  const policy = { namespaces: ["shop", "shop-*"], kinds: { namespaced: ["*"], cluster: [] } };
  const ruled = (over: object) => ({ ...assignmentV1, content: { ...assignmentV1.content, ...over } }) as Assignment;

  it.each([
    assignmentV1,
    tombstoneV1,
    limited,
    approved,
    ruled({ policy }),
    ruled({ policy: { ...policy, namespaces: [], serviceAccount: "deployer" }, takesOverFrom: ["old", "older"] }),
  ])("keep their meaning, and equal ones have equal bytes", (value) => {
    const bytes = encodeAssignment(value);
    expect(decodeAssignment(bytes)).toEqual(value);
    expect(encodeAssignment(structuredClone(value))).toEqual(bytes);
  });

  it("of a later version tell what they require, though their content is not understood", () => {
    const { content: _, ...rest } = assignmentV1;
    const message = create(AssignmentSchema, { ...rest, generation: 9n, requires: ["apply/v2"] });
    // Field 99, length-delimited: a content this version has never heard of.
    const bytes = Buffer.concat([toBinary(AssignmentSchema, message), Buffer.from([0x9a, 0x06, 0x02, 0x08, 0x01])]);
    expect(decodeAssignmentHeader(bytes)).toMatchObject({ requires: ["apply/v2"], generation: 9, app: rest.app });
    expect(codeOf(() => decodeAssignment(bytes))).toBe("unsupported");
  });

  it.each([
    ["a flipped byte", () => Uint8Array.from(signed.payload, (byte, at) => (at === 1 ? byte ^ 0xff : byte)), "corrupt"],
    ["nothing", () => new Uint8Array(), "invalid"],
    ["too much", () => new Uint8Array(70_000), "too-large"],
    [
      "a generation of 0",
      () => toBinary(AssignmentSchema, create(AssignmentSchema, { hubId: "h", clusterId: "c", generation: 0n })),
      "invalid",
    ],
    [
      "a generation beyond 2^53",
      () => toBinary(AssignmentSchema, create(AssignmentSchema, { hubId: "h", clusterId: "c", generation: 2n ** 60n })),
      "invalid",
    ],
  ])("refuse %s", (_, bytes, code) => {
    expect(codeOf(() => decodeAssignment(bytes()))).toBe(code);
  });
});

describe("reports", () => {
  it("keep their meaning", () => {
    const bare = { ...reportV1, digest: null, problems: [], drift: [], objects: [] };
    for (const value of [reportV1, bare]) expect(decodeReport(encodeReport(value))).toEqual(value);
  });

  it("of a later version are understood as far as possible", () => {
    const message = create(ReportSchema, reportToMessage(reportV1));
    message.health = "Hibernating";
    for (const problem of message.problems) problem.code = "NewTrouble";
    const read = decodeReport(toBinary(ReportSchema, message));
    expect(read).toMatchObject({
      health: "Unknown",
      problems: [{ code: "Internal", message: reportV1.problems[0]?.message }],
    });
  });

  it("name the App and the field that is wrong", () => {
    const message = create(ReportSchema, reportToMessage(reportV1));
    message.phase = "Dreaming";
    expect(() => decodeReport(toBinary(ReportSchema, message))).toThrow(/storefront\/shop.*phase/);
  });
});

describe("the control stream", () => {
  const fromAgent: AgentEnvelope[] = [
    { kind: "hello", hello: helloV1(signed, "ab".repeat(32)) },
    { kind: "reports", sequence: 7, reports: [reportV1] },
    { kind: "heartbeat", sequence: 3 },
    { kind: "acting", isActing: true },
  ];
  const fromHub: HubEnvelope[] = [
    { kind: "assignment", signed },
    { kind: "report-ack", sequence: 7 },
    { kind: "heartbeat", sequence: 3 },
    { kind: "in-sync" },
    { kind: "key-set", keySet: signed },
    { kind: "refused", code: "forbidden", message: "no" },
    { kind: "ahead", apps: ["a" as AppUid, "b" as AppUid] },
  ];
  it.each(fromAgent.map((value) => [value.kind, value] as const))("agent: %s", (_, value) => {
    expect(decodeAgentEnvelope(encodeAgentEnvelope(value as never))).toEqual(value);
  });
  it.each(fromHub.map((value) => [value.kind, value] as const))("hub: %s", (_, value) => {
    expect(decodeHubEnvelope(encodeHubEnvelope(value as never))).toEqual(value);
  });

  it("ignores a message of a later version, and refuses garbage and giants", () => {
    expect(decodeHubEnvelope(Uint8Array.of(0x9a, 0x06, 0x00))).toEqual({ kind: "unknown" });
    expect(decodeAgentEnvelope(Uint8Array.of(0x9a, 0x06, 0x00))).toEqual({ kind: "unknown" });
    expect(codeOf(() => decodeAgentEnvelope(Uint8Array.of(0x0a, 0xff)))).toBe("corrupt");
    expect(codeOf(() => decodeHubEnvelope(new Uint8Array(MESSAGE_BYTES_MAX + 1)))).toBe("too-large");
  });

  it("asks for bundles by digest and offset", () => {
    const request = { digest: reportV1.digest as NonNullable<typeof reportV1.digest>, offset: 5_000_000_000 };
    expect(decodeBundleRequest(encodeBundleRequest(request))).toEqual(request);
    expect(codeOf(() => decodeBundleRequest(encodeBundleRequest({ ...request, digest: "sha256:1" as never })))).toBe(
      "invalid",
    );
  });
});
