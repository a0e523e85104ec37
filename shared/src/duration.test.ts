import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

describe("parseDuration", () => {
  it.each([
    ["250ms", 250],
    ["0s", 0],
    ["30s", 30_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
  ])("%s is %d ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(["", "5", "m", "5 m", "-5m", "1.5h", "5M", "1h30m", "99999999999999999d", "5m\n"])("refuses %j", (text) =>
    expect(() => parseDuration(text)).toThrow(/is not a duration/),
  );
});

describe("formatDuration", () => {
  it.each([
    [0, "0 ms"],
    [999.9, "999 ms"],
    [1_000, "1 s"],
    [41_900, "41 s"],
    [119_999, "119 s"],
    [120_000, "2 min"],
    [7_199_999, "119 min"],
    [7_200_000, "2 h"],
    [90_000_000, "25 h"],
    [259_200_000, "3 d"],
    [-5_000, "-5 s"],
  ])("%d ms reads %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});
