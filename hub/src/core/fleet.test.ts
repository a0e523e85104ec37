import type { Report } from "@muster/shared/model/report.ts";
import { describe, expect, it } from "vitest";
import { APP, digestOf, EPOCH_1, EPOCH_2, healthy, NOW, run } from "../testing/facts.ts";
import { OBSERVED_BYTES_MAX, REPORT_DETAIL_BYTES_MAX } from "./documents/observed.ts";
import { detailOf, detailWithRefusal, isAhead, placementState, summarizeReport } from "./fleet.ts";

const report = (over: Partial<Report> = {}): Report => ({
  app: APP as Report["app"],
  epoch: { number: 4_000, tag: "0123456789abcdef0123456789abcdef" },
  generation: 4_000_000_000,
  digest: digestOf("1"),
  phase: "Applying",
  sync: "OutOfSync",
  health: "Progressing",
  message: "",
  counts: { objects: 20_000, synced: 1, healthy: 1, pruned: 0 },
  objects: [],
  drift: [],
  problems: [],
  observedAt: NOW,
  ...over,
});

describe("summarizeReport", () => {
  it.each([
    ["plain text", "x".repeat(2_000)],
    ["any script", "界".repeat(2_000)],
    ["emoji", "🚢".repeat(1_000)],
    ["control characters", "\u0001".repeat(2_000)],
    ["quotes", '"\\'.repeat(1_000)],
  ])("keeps one cluster under 512 bytes: %s", (_what, message) => {
    const entry = summarizeReport(report({ message }), {
      report: null,
      ahead: { epoch: report().epoch, generation: 4_000_000_000 },
    });
    expect(Buffer.byteLength(JSON.stringify(entry))).toBeLessThanOrEqual(OBSERVED_BYTES_MAX);
  });

  it("keeps a short message whole, and counts drift that is not healed", () => {
    const drift = [{ object: {} as never, field: "f", expected: "", found: "", at: 1, healedAt: null }];
    const healed = { ...drift[0], healedAt: 2 } as (typeof drift)[0] & { healedAt: number };
    const { report: kept } = summarizeReport(report({ message: "2/6 ready", drift: [...drift, healed] }), undefined);
    expect(kept).toMatchObject({ message: "2/6 ready", drift: 1 });
  });
});

describe("detailOf", () => {
  it.each([
    ["any script", "界"],
    ["control characters", "\u0001"],
    ["emoji", "🚢"],
  ])("counts bytes, so that it always fits one document: %s", (_what, text) => {
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "c" };
    const message = text.repeat(1_000 / text.length);
    const object = { ref, sync: "OutOfSync" as const, health: "Degraded" as const, message };
    const wrong = { code: "ApplyRefused" as const, message: message + message, where: {}, fix: message };
    const objects = Array.from({ length: 500 }, () => object);
    const problems = Array.from({ length: 50 }, (_, index) => ({ ...wrong, message: `${index}${message}` }));
    const size = (detail: object) => Buffer.byteLength(JSON.stringify(detail));
    const detail = detailOf(report({ objects, problems }));
    expect(size(detail)).toBeLessThanOrEqual(REPORT_DETAIL_BYTES_MAX);
    expect(detail.problems.length).toBeGreaterThan(0);
    const refused = report({
      phase: "Refused",
      problems: problems.map((one) => ({ ...one, code: "SignatureInvalid" })),
    });
    expect(size(detailWithRefusal(detail, refused))).toBeLessThanOrEqual(REPORT_DETAIL_BYTES_MAX);
  });

  it("gives up a single entry that is too large by itself", () => {
    const path = "x".repeat(300_000);
    const problems = [{ code: "ApplyRefused" as const, message: "m", where: { path } }];
    expect(detailOf(report({ problems })).problems).toEqual([]);
  });

  it("cuts a report that is too large from the end, and leaves a small one as it is", () => {
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "c" };
    const object = { ref, sync: "OutOfSync" as const, health: "Degraded" as const, message: "m".repeat(1_000) };
    const objects = Array.from({ length: 500 }, (_, index) => ({ ...object, ref: { ...ref, name: `c-${index}` } }));
    const cut = detailOf(report({ objects }));
    expect(JSON.stringify(cut).length).toBeLessThanOrEqual(REPORT_DETAIL_BYTES_MAX);
    expect(cut.objects[0]?.ref.name).toBe("c-0");
    expect(detailOf(report({ objects: objects.slice(0, 3) })).objects).toHaveLength(3);
  });
});

describe("placementState", () => {
  const entry = run(1);
  it.each([
    ["nothing assigned", null, null, "Unassigned"],
    ["assigned, no word", entry, null, "NotYetReported"],
    ["a word of the generation before", entry, healthy(entry, { generation: 7 }), "NotYetReported"],
    ["a word of another epoch", entry, healthy(entry, { epoch: EPOCH_2 }), "NotYetReported"],
    ["Healthy", entry, healthy(entry), "Healthy"],
    ["Healthy, but not yet applied", entry, healthy(entry, { phase: "Applying" }), "Applying"],
    ["Degraded", entry, healthy(entry, { health: "Degraded" }), "Unhealthy"],
    ["Progressing", entry, healthy(entry, { health: "Progressing" }), "Applying"],
    ["refused by the API server", entry, healthy(entry, { phase: "Failed" }), "Failed"],
    ["refused by the agent", entry, healthy(entry, { phase: "Refused" }), "Refused"],
    ["on its way out", run(1, { content: { kind: "remove", action: "keep" } }), healthy(entry), "Removing"],
    ["Ahead", entry, { report: null, ahead: { epoch: EPOCH_1, generation: 9 } }, "Ahead"],
  ] as const)("%s", (_what, assigned, observed, expected) => {
    expect(placementState(assigned, observed as never)).toBe(expected);
  });

  it("is no longer Ahead once an assignment of a later epoch was made", () => {
    const ahead = { report: null, ahead: { epoch: EPOCH_1, generation: 9 } };
    expect(isAhead(run(1, { epoch: EPOCH_2 }), ahead)).toBe(false);
  });
});
