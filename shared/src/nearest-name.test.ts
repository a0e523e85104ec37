import { describe, expect, it } from "vitest";
import { nearestName } from "./nearest-name.ts";

const known = ["source", "destination", "clusters", "sync", "onUnplaced", "matchLabels", "project"];

describe("nearestName", () => {
  it.each([
    ["cluster", "clusters"],
    ["scource", "source"],
    ["destinaton", "destination"],
    ["matchlabels", "matchLabels"],
    ["snyc", "sync"],
    ["porject", "project"],
    ["replicas", null],
    ["x", null],
    ["", null],
  ])("takes %s for %s", (typed, meant) => {
    expect(nearestName(typed, known)).toBe(meant);
  });
});
