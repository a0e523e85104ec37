import type { Manifest } from "@muster/shared/manifest/parse.ts";
import { describe, expect, it } from "vitest";
import type { PatchTarget } from "./bundle-transform.ts";
import { filterOf } from "./patch-target.ts";

const called = (name: string): Manifest => {
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "", name };
  return {
    ref,
    object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name } },
    place: { path: "a.yaml", line: 1, document: 1 },
  };
};

function matches(target: PatchTarget, name: string): boolean {
  const filter = filterOf({ target, patch: { kind: "strategic", merge: {} } }, "default");
  if (filter.kind === "invalid") throw new Error(filter.reason);
  return filter.matches(called(name));
}

describe("the expressions of a target", () => {
  it.each<[string, string, boolean]>([
    ["web", "web", true],
    ["web", "web-2", false],
    ["web-.*", "web-2", true],
    ["a|web", "web", true],
    ["a|web", "webb", false],
    ["web-[0-9]{2}", "web-10", true],
    ["web\\.v1", "web-v1", false],
    ["(?i)WEB", "web", true],
  ])("%s on %s", (name, given, expected) => {
    expect(matches({ name }, given)).toBe(expected);
  });

  it("take no longer than names are long", () => {
    const began = performance.now();
    expect(matches({ name: "(a+)+b" }, "a".repeat(40))).toBe(false);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
