import { describe, expect, it } from "vitest";
import { parseDefinition } from "./parse-definition.ts";
import { withoutDefaults } from "./without-defaults.ts";

const apiVersion = "muster.dev/v1alpha1";
const written: readonly object[] = [
  {
    apiVersion,
    kind: "App",
    metadata: { name: "shop", project: "storefront" },
    spec: {
      source: { name: "fleet", path: "apps/shop" },
      render: { helm: { values: ["a.yaml"], set: { replicas: 0 } } },
      clusters: { matchLabels: { tier: "prod" } },
      overrides: [{ clusters: { names: ["eu-1"] }, helm: { set: { replicas: 2 } } }],
      sync: { drift: "warn" },
    },
  },
  { apiVersion, kind: "Source", metadata: { name: "fleet" }, spec: { git: { url: "https://git.example.com/x.git" } } },
  { apiVersion, kind: "Project", metadata: { name: "storefront" } },
];

describe("a definition without its defaults", () => {
  it.each(written)("is what was written, in its order: %#", (value) => {
    const parsed = parseDefinition(value);
    if (parsed.kind !== "valid") throw new Error(JSON.stringify(parsed.problems));
    expect(JSON.stringify(withoutDefaults(parsed.definition))).toBe(JSON.stringify(value));
  });
});
