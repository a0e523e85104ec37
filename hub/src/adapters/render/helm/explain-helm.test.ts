import { describe, expect, it } from "vitest";
import { explainHelm } from "./explain-helm.ts";

const places = {
  chart: "app",
  pathOf: (name: string) => name.replace(/^shop\//, "app/"),
  values: new Map([["values/0.yaml", "app/values-eu.yaml"]]),
  dependencyLine: () => undefined,
};

describe("what Helm said", () => {
  it("is told at the template that it is of", () => {
    const said = "Error: template: shop/templates/a.yaml:7:12: executing: nil pointer evaluating interface {}.b\n";
    expect(explainHelm(said, places)).toMatchObject({
      where: { path: "app/templates/a.yaml", line: 7 },
      message: expect.stringMatching(/^Helm: template: app\/templates\/a\.yaml:7:12/),
    });
  });

  it.each([
    ["one long word", "a".repeat(64_000)],
    ["empty lines", `${"\n".repeat(64_000)}x`],
    ["many words", "a/".repeat(32_000)],
    ["long words with slashes", `${"a".repeat(1_000)}/`.repeat(64)],
  ])("takes time in proportion to its length: %s", (_, text) => {
    const began = performance.now();
    explainHelm(`Error: execution error at (shop/templates/a.yaml:1:3): ${text}`, places);
    explainHelm(`Error: ${text}`, places);
    expect(performance.now() - began).toBeLessThan(100);
  });
});
