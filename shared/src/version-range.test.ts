import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { newestVersions, parseVersionRange } from "./version-range.ts";

const table = new URL("../fixtures/version-ranges/masterminds-3.5.0.tsv", import.meta.url);
const versions =
  "0.0.0 0.0.3 0.0.4 0.1.0 0.2.3 0.2.9 0.3.0 1.0.0-rc.1 1.0.0 1.2.0-0 1.2.0 1.2.3-beta.1 1.2.3 1.2.4 1.3.0 1.3.0-alpha 1.9.9+build.5 2.0.0-alpha 2.0.0 2.1 v2.2.0 3 11.0.0 11.1.5 01.2.3 latest 1.2.3.4".split(
    " ",
  );
/** What Helm's own library answered: a range, and which of the versions are in it, or that it is none. */
const rows = readFileSync(table, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t") as [range: string, included: string])
  // An empty range is no range to the library; Helm makes it `*` before it asks.
  .filter(([range]) => range !== "");

const readAsHere = (range: string): string => {
  try {
    const read = parseVersionRange(range);
    return versions.filter((version) => read.includes(version)).join(" ");
  } catch {
    return "invalid";
  }
};

describe("a version range", () => {
  it.each(rows)("%j includes what Helm's library says", (range, included) => {
    expect(readAsHere(range)).toBe(included);
  });

  it("takes the highest, as it was written", () => {
    expect(parseVersionRange("^2").highestOf(versions)).toBe("v2.2.0");
    expect(parseVersionRange("").highestOf(versions)).toBe("11.1.5");
    expect(parseVersionRange(">=12").highestOf(versions)).toBeNull();
    expect(parseVersionRange("1.2.3").highestOf(["v1.2.3", "1.2.3"])).toBe("1.2.3");
  });

  it("says whether it is one version only", () => {
    const exact = ["1.2.3", " v1.2.3-rc.1 ", "1.2", "1.x", "=1.2.3", "1.2.x"].map(
      (text) => parseVersionRange(text).exact,
    );
    expect(exact).toEqual(["1.2.3", "v1.2.3-rc.1", null, null, null, null]);
  });

  it("refuses what is none, and says how one is written", () => {
    for (const text of ["banana", "1".repeat(600), Array.from({ length: 40 }, () => "1").join("||")]) {
      expect(() => parseVersionRange(text)).toThrow(expect.objectContaining({ code: "invalid" }));
    }
  });

  it("is read in no time, however it is written", () => {
    const before = performance.now();
    for (const text of [`1${" ".repeat(505)}!`, "1 ".repeat(255), ",".repeat(500), "1-".repeat(250)]) readAsHere(text);
    expect(performance.now() - before).toBeLessThan(100);
  });
});

it("names the newest versions, releases first", () => {
  expect(newestVersions(versions, 3)).toEqual(["11.1.5", "11.0.0", "3"]);
  expect(newestVersions(["1.0.0-a", "x", "1.0.0-b"], 3)).toEqual(["1.0.0-b", "1.0.0-a"]);
});
