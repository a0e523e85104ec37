/** What vitest's JSON report says of a run, as far as the closing line needs it. */
export type JsonReport = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests?: number;
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
};

export type Counts = { passed: number; failed: number; skipped: number };

export const noTests: Counts = { passed: 0, failed: 0, skipped: 0 };

/**
 * Counts a run. A file that failed without a failed test (it could not be loaded, or its set-up broke) counts as one
 * failure; so does a run that ended badly without naming anything, such as one with an error outside every test.
 */
export function countTests(report: JsonReport | null, exitCode: number): Counts {
  if (report === null) return { ...noTests, failed: exitCode === 0 ? 0 : 1 };
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}

/** The names of what was skipped, with their file, so that a skip is never silent. */
export function namesOfSkipped(report: JsonReport | null): string[] {
  return (report?.testResults ?? []).flatMap((file) =>
    file.assertionResults
      .filter((test) => ["skipped", "pending", "todo", "disabled"].includes(test.status))
      .map((test) => `${file.name}: ${test.fullName}`),
  );
}

export function addCounts(left: Counts, right: Counts): Counts {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  };
}

/** The one closing line that people and machines read. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
