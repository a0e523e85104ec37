import type { Digest } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { Report } from "@muster/shared/model/report.ts";
import { reportV1 } from "@muster/shared/testing/wire-v1.ts";
import { describe, expect, it } from "vitest";
import type { AssignedEntry } from "./documents/assigned.ts";
import { isRefusedAside, problemsWithRefusal, withRefusal } from "./fleet.ts";

const epoch = { number: 1, tag: "a" };
const spoken = (phase: Report["phase"], generation: number, more: Partial<Report["epoch"]> = {}) => ({
  phase,
  generation,
  epoch: { ...epoch, ...more },
});
const entry: AssignedEntry = {
  epoch,
  generation: 5,
  payloadSha256: "ab".repeat(32),
  content: { kind: "run", release: 3, digest: `b1:sha256:${"ab".repeat(32)}` as Digest },
  since: 0,
  history: [],
} as unknown as AssignedEntry;

describe("a refusal leaves what is known as it was", () => {
  it.each([
    ["a replay, while the assignment in force runs", 4, spoken("Applied", 5), true],
    ["a forgery ahead of everything", 9, spoken("Applied", 5), true],
    ["a second content for what was accepted", 5, spoken("Applied", 5), true],
    ["an altered copy of what is being applied", 5, spoken("Applying", 5), true],
    ["a replay, while the assignment in force is refused", 4, spoken("Refused", 5), true],
    ["not when the assignment in force itself is refused", 5, spoken("Applied", 4), false],
    ["not when it is refused again", 5, spoken("Refused", 5), false],
    ["not when nothing is known yet", 4, null, false],
  ])("%s", (_, generation, standing, expected) => {
    expect(isRefusedAside(spoken("Refused", generation), { entry, standing })).toBe(expected);
  });

  it("and only a refusal does", () => {
    expect(isRefusedAside(spoken("Applied", 4), { entry, standing: spoken("Applied", 5) })).toBe(false);
  });

  it("in an epoch of another tag it is of another assignment", () => {
    const standing = spoken("Applied", 5);
    expect(isRefusedAside(spoken("Refused", 5, { tag: "b" }), { entry, standing })).toBe(true);
  });
});

describe("beside what stands", () => {
  const problem = (code: Problem["code"], message: string): Problem => ({ code, message, where: {} });
  const refused: Report = {
    ...reportV1,
    phase: "Refused",
    message: "generation 4 is older",
    problems: [problem("GenerationOlder", "generation 4 is older")],
  };

  it("the refusal is told in the summary, within its bytes", () => {
    const standing = { phase: "Applied", message: "" };
    expect(withRefusal(standing, refused)).toEqual({ phase: "Applied", message: "generation 4 is older" });
    const long = withRefusal(standing, { ...refused, message: "ä".repeat(2_000) });
    expect(Buffer.byteLength(long.message)).toBeLessThanOrEqual(140);
  });

  it("its problems come first, each once", () => {
    const other = problem("ImmutableField", "spec.clusterIP is immutable");
    const once = problemsWithRefusal([other], refused);
    expect(once).toEqual([...refused.problems, other]);
    expect(problemsWithRefusal(once, refused)).toEqual(once);
    const many = Array.from({ length: 60 }, (_, n) => problem("ApplyRefused", `${n}`));
    expect(problemsWithRefusal(many, refused)).toHaveLength(50);
  });
});
