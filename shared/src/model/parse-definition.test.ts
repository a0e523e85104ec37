import { describe, expect, it } from "vitest";
import { parseDefinition } from "./parse-definition.ts";

const app = (spec: object) => ({
  apiVersion: "muster.dev/v1alpha1",
  kind: "App",
  metadata: { name: "shop" },
  spec: { source: { name: "fleet" }, clusters: { all: true }, ...spec },
});

describe("parseDefinition", () => {
  it("fills in the defaults", () => {
    const parsed = parseDefinition(app({}));
    expect(parsed).toMatchObject({
      kind: "valid",
      definition: {
        metadata: { project: "default" },
        spec: { sync: { adopt: "none", drift: "heal", prune: true }, onUnplaced: { action: "delete" } },
      },
    });
  });

  it.each([
    ["a field of another place", app({ sync: { drfit: "heal" } }), ["spec", "sync", "drfit"], /did you mean "drift"\?/],
    ["a field at the top of spec", app({ cluster: {} }), ["spec", "cluster"], /did you mean "clusters"\?/],
    [
      "a field of a list entry",
      app({ clusters: { matchExpressions: [{ key: "a", operator: "Exists", vlaues: [] }] } }),
      ["spec", "clusters", "matchExpressions", 0, "vlaues"],
      /did you mean "values"\?/,
    ],
    [
      "a field near none",
      app({ replicas: 3 }),
      ["spec", "replicas"],
      /known here: source, render, destination, clusters/,
    ],
    ["a wrong word", app({ sync: { drift: "sometimes" } }), ["spec", "sync", "drift"], /"heal"\|"warn"\|"off"/],
    ["an empty selector", app({ clusters: {} }), ["spec", "clusters"], /all: true/],
    ["a missing field", { ...app({}), metadata: {} }, ["metadata", "name"], /^"metadata.name" is missing\.$/],
    ["a mistyped kind", { ...app({}), kind: "Ap" }, ["kind"], /did you mean App\?/],
    ["another version", { ...app({}), apiVersion: "v1" }, ["apiVersion"], /write muster.dev\/v1alpha1/],
    [
      "what is not there yet",
      { ...app({}), kind: "Cluster", metadata: { name: "eu-1" }, spec: { cordon: true } },
      ["spec", "cordon"],
      /^"spec.cordon": cordoning a cluster is not there yet\. .*exclude/,
    ],
    [
      "Kubernetes' word for another",
      app({ revisionHistoryLimit: 3 }),
      ["spec", "revisionHistoryLimit"],
      /known here: .*releaseHistoryLimit/,
    ],
    ["no mapping", "hello", [], /a definition is a mapping/],
  ])("explains %s", (_, value, path, message) => {
    const parsed = parseDefinition(value);
    expect(parsed).toMatchObject({ kind: "invalid", problems: [{ path }] });
    if (parsed.kind === "invalid") expect(parsed.problems[0]?.message).toMatch(message);
  });

  it.each([
    ["https://me:secret@git.example.com/fleet.git", /holds no credentials.*name them in/],
    ["https://s3cret@git.example.com/fleet.git", /holds no credentials/],
    ["ssh://git:secret@git.example.com/fleet.git", /holds no credentials/],
    ["https://git.example.com/fleet.git\u001b[2J", /no spaces or control characters/],
    ["https://git.example.com/a fleet.git", /no spaces or control characters/],
    ["https://git.example.com/@scope/fleet.git", null],
    ["ssh://git@git.example.com/fleet.git", null],
    ["file:///tmp/My%20Repo", null],
  ])("lets no secret and no control character into an address: %j", (url, refusal) => {
    const parsed = parseDefinition({
      apiVersion: "muster.dev/v1alpha1",
      kind: "Source",
      metadata: { name: "fleet" },
      spec: { git: { url } },
    });
    if (refusal === null) return expect(parsed.kind).toBe("valid");
    if (parsed.kind === "valid") throw new Error("it was taken");
    expect(parsed.problems[0]?.message).toMatch(refusal);
    expect(parsed.problems[0]?.message).not.toMatch(/secret|s3cret/);
  });
});
