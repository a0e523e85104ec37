import { expect, it } from "vitest";
import { shouldGiveBack } from "./give-back-memory.ts";

const MB = 1024 * 1024;

it.each([
  ["idle and grown", { utilization: 0.001, rssBytes: 200 * MB, rssBytesAfterLast: 150 * MB }, true],
  ["busy", { utilization: 0.3, rssBytes: 200 * MB, rssBytesAfterLast: 150 * MB }, false],
  ["idle and hardly grown", { utilization: 0, rssBytes: 160 * MB, rssBytesAfterLast: 150 * MB }, false],
  ["just started", { utilization: 0, rssBytes: 120 * MB, rssBytesAfterLast: 0 }, true],
])("%s", (_what, now, expected) => {
  expect(shouldGiveBack(now)).toBe(expected);
});
