import { describe, expect, it } from "vitest";
import type { Owner } from "./documents/owner.ts";
import { changeLabels, replaceLabels } from "./own-labels.ts";

const git: Owner = { source: "platform/fleet" };
const other: Owner = { source: "platform/other" };
const before = { labels: { tier: "prod", region: "eu" }, labelOwners: { region: git } };
const everybody = (): boolean => true;

describe("labels merge by key", () => {
  it.each([
    ["the API sets its own", "api", { tier: "lab" }, { tier: "lab", region: "eu" }, []],
    ["the API says what is so", "api", { tier: "prod", region: "eu" }, { tier: "prod", region: "eu" }, []],
    ["the API changes another's", "api", { tier: "prod", region: "us" }, { tier: "prod", region: "eu" }, ["region"]],
    ["Git changes its own", git, { region: "us" }, { tier: "prod", region: "us" }, []],
    ["Git drops its own", git, {}, { tier: "prod" }, []],
    ["Git claims the API's", git, { region: "eu", tier: "prod" }, { tier: "prod", region: "eu" }, ["tier"]],
    [
      "another Source claims one's",
      other,
      { region: "us", zone: "a" },
      { tier: "prod", region: "eu", zone: "a" },
      ["region"],
    ],
  ] as const)("%s", (_, by, set, labels, conflicts) => {
    const after = replaceLabels(before, by, set, everybody);
    expect(after.labels).toEqual(labels);
    expect(after.conflicts.map(({ key }) => key)).toEqual(conflicts);
    // Once more is once.
    expect(replaceLabels(after, by, set, everybody)).toEqual(after);
  });

  it("gives keys of an owner that is gone to whoever sets them", () => {
    const change = { set: { region: "us" }, remove: [] };
    expect(changeLabels(before, "api", change, (owner) => owner === "api")).toEqual({
      labels: { tier: "prod", region: "us" },
      labelOwners: {},
      conflicts: [],
    });
  });

  it("takes nothing of another's away", () => {
    const change = { set: {}, remove: ["region", "tier"] };
    expect(changeLabels(before, "api", change, everybody)).toMatchObject({
      labels: { region: "eu" },
      conflicts: [{ key: "region", owner: git }],
    });
  });
});
