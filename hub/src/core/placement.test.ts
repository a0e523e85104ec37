import type { ClusterId } from "@muster/shared/model/ids.ts";
import type { ClusterSelector } from "@muster/shared/model/selector.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { place, selects } from "./placement.ts";

const eu = { id: "c-1" as ClusterId, name: "prod-eu-1", labels: { tier: "prod", region: "eu" } };
const us = { id: "c-2" as ClusterId, name: "prod-us-1", labels: { tier: "prod", region: "us" } };
const test = { id: "c-3" as ClusterId, name: "test-1", labels: { tier: "test" } };
const bare = { id: "c-4" as ClusterId, name: "bare", labels: {} };
const fleet = [eu, us, test, bare];

describe("selects", () => {
  const expression = (key: string, operator: "In" | "NotIn" | "Exists" | "DoesNotExist", values?: string[]) => ({
    matchExpressions: [{ key, operator, ...(values ? { values } : {}) }],
  });
  it.each<[string, ClusterSelector, string[]]>([
    ["all", { all: true }, ["prod-eu-1", "prod-us-1", "test-1", "bare"]],
    ["names", { names: ["bare", "nobody"] }, ["bare"]],
    ["labels", { matchLabels: { tier: "prod" } }, ["prod-eu-1", "prod-us-1"]],
    ["all of several labels", { matchLabels: { tier: "prod", region: "eu" } }, ["prod-eu-1"]],
    ["In", expression("region", "In", ["eu", "ap"]), ["prod-eu-1"]],
    ["NotIn holds without the key", expression("region", "NotIn", ["eu"]), ["prod-us-1", "test-1", "bare"]],
    ["Exists", expression("region", "Exists"), ["prod-eu-1", "prod-us-1"]],
    ["DoesNotExist", expression("region", "DoesNotExist"), ["test-1", "bare"]],
    ["everything stated must hold", { names: ["prod-eu-1", "test-1"], matchLabels: { tier: "prod" } }, ["prod-eu-1"]],
    ["all narrowed by labels", { all: true, matchLabels: { tier: "test" } }, ["test-1"]],
    ["exclude by name", { all: true, exclude: { names: ["bare"] } }, ["prod-eu-1", "prod-us-1", "test-1"]],
    ["exclude by label", { all: true, exclude: { matchLabels: { tier: "prod" } } }, ["test-1", "bare"]],
    ["exclude that states nothing", { names: ["bare"], exclude: { matchLabels: {} } }, ["bare"]],
    ["nothing stated", {}, []],
    ["empty labels", { matchLabels: {} }, []],
    ["a key that every object inherits", expression("constructor", "Exists"), []],
  ])("%s", (_what, selector, expected) => {
    expect(place(selector, fleet).map(({ name }) => name)).toEqual(expected);
  });

  it("In and NotIn, Exists and DoesNotExist, are each other's opposites for every cluster", () => {
    const labels = fc.dictionary(fc.constantFrom("a", "b", "toString"), fc.constantFrom("x", "y", ""));
    const values = fc.array(fc.constantFrom("x", "y", ""), { minLength: 1 });
    fc.assert(
      fc.property(labels, fc.constantFrom("a", "b", "toString"), values, (given, key, wanted) => {
        const of = (operator: "In" | "NotIn" | "Exists" | "DoesNotExist", list?: string[]) =>
          selects(
            { matchExpressions: [{ key, operator, ...(list ? { values: list } : {}) }] },
            { name: "c", labels: given },
          );
        expect(of("In", wanted)).toBe(!of("NotIn", wanted));
        expect(of("Exists")).toBe(!of("DoesNotExist"));
        if (of("In", wanted)) expect(of("Exists")).toBe(true);
      }),
    );
  });
});
