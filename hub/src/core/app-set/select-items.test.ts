import { describe, expect, it } from "vitest";
import { foldersOf, labelValues, rootOfGlob, selectPaths } from "./select-items.ts";

const files = [
  "README.md",
  ".github/workflows/ci.yaml",
  "apps/shop/base/a.yaml",
  "apps/shop/overlays/prod/a.yaml",
  "apps/api/a.yaml",
  "apps/.draft/a.yaml",
  "clusters/eu.yaml",
  "clusters/us/one.yaml",
];

describe("selectPaths", () => {
  it.each([
    ["apps/*", [], ["apps/api", "apps/shop"]],
    ["apps/*", ["shop"], ["apps/api"]],
    ["*", [], ["apps", "clusters"]],
    ["apps/**", ["base"], ["apps/api", "apps/shop", "apps/shop/overlays", "apps/shop/overlays/prod"]],
    ["apps/*/overlays/*", [], ["apps/shop/overlays/prod"]],
    ["apps/.*", [], ["apps/.draft"]],
    ["apps/shop", [], ["apps/shop"]],
    ["nowhere/*", [], []],
  ])("directories %s without %j", (path, exclude, expected) => {
    expect(selectPaths({ source: "fleet", path, exclude }, foldersOf(files))).toEqual(expected);
  });

  it("chooses files the same way", () => {
    expect(selectPaths({ source: "fleet", path: "clusters/**/*.yaml", exclude: [] }, files)).toEqual([
      "clusters/eu.yaml",
      "clusters/us/one.yaml",
    ]);
    expect(selectPaths({ source: "fleet", path: "{a,b}".repeat(12), exclude: [] }, files)).toBeNull();
  });
});

it.each([
  ["apps/*", "apps"],
  ["apps/team-?/x", "apps"],
  ["a/b/{c,d}/*", "a/b"],
  ["./apps/*", "apps"],
  ["apps/shop", "apps"],
  ["*", ""],
  ["**/x", ""],
  ["clusters.yaml", ""],
])("%s is looked for in %j", (pattern, root) => {
  expect(rootOfGlob(pattern)).toBe(root);
});

it("every folder above files, once", () => {
  expect(foldersOf(["a/b/c.yaml", "a/b/d.yaml", "e.yaml", "a/f/g/h.yaml"])).toEqual(["a", "a/b", "a/f", "a/f/g"]);
});

it("the values of a label, once each", () => {
  const clusters = [{ region: "us" }, { region: "eu" }, {}, { region: "eu" }, { region: "" }];
  expect(
    labelValues(
      "region",
      clusters.map((labels) => ({ labels: labels as Record<string, string> })),
    ),
  ).toEqual(["eu", "us"]);
  expect(labelValues("constructor", [{ labels: {} }])).toEqual([]);
});
