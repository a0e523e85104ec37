import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { assignmentV1, helloV1, reportV1, tombstoneV1 } from "../testing/wire-v1.ts";
import { unionOfKeySets, verifyKeySets } from "../trust/key-set.ts";
import { verifyAssignment } from "../trust/verify.ts";
import { decodeAssignment, decodeSignedAssignment } from "./assignment.ts";
import { decodeSignedKeySet } from "./key-set.ts";
import { decodeReport, encodeReport } from "./report.ts";
import { decodeAgentEnvelope, decodeHubEnvelope } from "./session.ts";

const bytes = (file: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/wire-v1/${file}`, import.meta.url)));

describe("the bytes of the first format", () => {
  const chain = ["key-set-1.bin", "key-set-2.bin"].map((file) => decodeSignedKeySet(bytes(file)));

  it("verify from the root through the chain of key sets to the assignments", () => {
    const sets = verifyKeySets(chain, bytes("root.spki"));
    expect(sets.map((set) => [set.version, set.keys.length])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    for (const [file, meaning] of [
      ["assignment-run.bin", assignmentV1],
      ["assignment-remove.bin", tombstoneV1],
    ] as const) {
      const signed = decodeSignedAssignment(bytes(file));
      expect(verifyAssignment(signed, unionOfKeySets(sets))).toEqual({ kind: "valid" });
      expect(decodeAssignment(signed.payload)).toEqual(meaning);
    }
  });

  it("mean what they meant", () => {
    const run = decodeSignedAssignment(bytes("assignment-run.bin"));
    const payloadSha256 = createHash("sha256").update(run.payload).digest("hex");
    expect(decodeReport(bytes("report.bin"))).toEqual(reportV1);
    expect(decodeAgentEnvelope(bytes("hello.bin"))).toEqual({ kind: "hello", hello: helloV1(run, payloadSha256) });
    expect(decodeHubEnvelope(bytes("hello-ack.bin"))).toEqual({
      kind: "hello-ack",
      ack: {
        protocol: 1,
        hubId: "hub-3c1d",
        hubVersion: "0.1.0",
        keySet: chain[1],
        heartbeatMs: 10_000,
        hubTime: 1_772_540_001_000,
      },
    });
  });

  it("are what this version still writes for the same report", () => {
    expect(Buffer.from(encodeReport(reportV1)).toString("hex")).toBe(Buffer.from(bytes("report.bin")).toString("hex"));
  });
});
