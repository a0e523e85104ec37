import type { AppUid } from "@muster/shared/model/ids.ts";
import { type ObjectStatus, REPORT_LIMITS, report } from "@muster/shared/model/report.ts";
import { describe, expect, test } from "vitest";
import { type SummaryInput, summarize } from "./summarize.ts";

const object = (name: string, over: Partial<ObjectStatus> = {}): ObjectStatus => ({
  ref: { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name },
  sync: "Synced",
  health: "Healthy",
  message: "",
  ...over,
});
const sum = (over: Partial<SummaryInput>) =>
  report.parse(
    summarize({
      app: { uid: "u" as AppUid, project: "p", name: "a" },
      epoch: { number: 1, tag: "t" },
      generation: 1,
      digest: null,
      phase: "Applied",
      objects: [],
      drift: [],
      problems: [],
      pruned: 0,
      now: 1,
      ...over,
    }),
  );
const problem = { code: "ApplyRefused", message: "no", where: {} } as const;

describe("summarize", () => {
  test.each<[string, Partial<SummaryInput>, string, string]>([
    ["all is well", { objects: [object("a")] }, "Synced", "Healthy"],
    [
      "the worst counts",
      { objects: [object("a", { health: "Progressing" }), object("b", { health: "Degraded" })] },
      "Synced",
      "Degraded",
    ],
    [
      "missing is worse than progressing",
      { objects: [object("a", { health: "Progressing" }), object("b", { health: "Missing" })] },
      "Synced",
      "Missing",
    ],
    ["never green while applying", { phase: "Applying", objects: [object("a")] }, "OutOfSync", "Progressing"],
    [
      "never green before the bundle is there",
      { phase: "Pending", objects: [object("a")] },
      "OutOfSync",
      "Progressing",
    ],
    [
      "never green when something was refused",
      { phase: "Failed", objects: [object("a")], problems: [problem] },
      "OutOfSync",
      "Unknown",
    ],
    [
      "degraded stays degraded",
      { phase: "Applying", objects: [object("a", { health: "Degraded" })] },
      "OutOfSync",
      "Degraded",
    ],
    ["drift that is left", { objects: [object("a", { sync: "OutOfSync" })] }, "OutOfSync", "Healthy"],
    ["removed", { phase: "Removed" }, "Synced", "Healthy"],
    ["refused says nothing of what runs", { phase: "Refused", problems: [problem] }, "Unknown", "Unknown"],
  ])("%s", (_, input, sync, health) => expect(sum(input)).toMatchObject({ sync, health }));

  test("stays within the report's limits, tells the troubled ones first, and counts exactly", () => {
    const objects = Array.from({ length: 2_000 }, (_, i) => object(`o${i}`, { message: "m".repeat(5_000) }));
    objects[1_999] = object("bad", { health: "Degraded", message: "m".repeat(5_000) });
    const told = sum({
      objects,
      problems: Array.from({ length: 200 }, () => ({ ...problem, message: "p".repeat(9_000) })),
      message: "x".repeat(9_000),
    });
    expect(told.objects).toHaveLength(REPORT_LIMITS.objectsMax);
    expect(told.objects[0]?.ref.name).toBe("bad");
    expect(told.counts).toMatchObject({ objects: 2_000, healthy: 1_999 });
    expect(Buffer.byteLength(JSON.stringify(told))).toBeLessThan(512 * 1024);
  });

  test("the sentence names the worst object", () => {
    expect(sum({ objects: [object("a"), object("b", { health: "Progressing", message: "2/6 ready" })] }).message).toBe(
      "ConfigMap shop/b: 2/6 ready",
    );
  });
});
