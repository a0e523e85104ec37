import { describe, expect, it } from "vitest";
import { addCounts, closingLine, countTests, type JsonReport, namesOfSkipped } from "./test-counts.ts";

const file = (status: string, ...tests: string[]) => ({
  name: "a.test.ts",
  status,
  assertionResults: tests.map((one, index) => ({ status: one, fullName: `test ${index}` })),
});
const report = (passed: number, failed: number, pending: number, ...testResults: JsonReport["testResults"]) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: pending,
  testResults,
});

describe("countTests", () => {
  it.each([
    [
      "passed and skipped tests",
      report(2, 0, 1, file("passed", "passed", "passed", "skipped")),
      0,
      "2 passed, 0 failed, 1 skipped",
    ],
    [
      "a failed test once, though its file failed too",
      report(1, 1, 0, file("failed", "passed", "failed")),
      1,
      "1 passed, 1 failed, 0 skipped",
    ],
    ["a file that could not be loaded", report(0, 0, 0, file("failed")), 1, "0 passed, 1 failed, 0 skipped"],
    [
      "a set-up that broke before its tests",
      report(0, 0, 2, file("failed", "skipped", "skipped")),
      1,
      "0 passed, 1 failed, 2 skipped",
    ],
    ["an error outside every test", report(3, 0, 0, file("passed", "passed")), 1, "3 passed, 1 failed, 0 skipped"],
    ["a run that died without a report", null, 134, "0 passed, 1 failed, 0 skipped"],
    ["a run without files", null, 0, "0 passed, 0 failed, 0 skipped"],
  ])("counts %s", (_, given, exitCode, line) => {
    expect(closingLine(countTests(given, exitCode))).toBe(line);
  });

  it("adds runs up", () => {
    const sum = addCounts({ passed: 1, failed: 0, skipped: 2 }, { passed: 3, failed: 1, skipped: 0 });
    expect(closingLine(sum)).toBe("4 passed, 1 failed, 2 skipped");
  });

  it("names what was skipped", () => {
    expect(namesOfSkipped(report(1, 0, 1, file("passed", "passed", "skipped")))).toEqual(["a.test.ts: test 1"]);
  });
});
