import { parseDefinition } from "@muster/shared/model/parse-definition.ts";
import { describe, expect, it } from "vitest";
import { appNameOf, clusterNameOf, repositoryUrl, upDefinitions } from "./up-definitions.ts";

describe("names", () => {
  it.each([
    ["https://git.example.com/platform/fleet.git", "apps/shop", "shop"],
    ["https://git.example.com/platform/fleet.git", ".", "fleet"],
    ["https://git.example.com/platform/fleet.git", "deploy/Prod_EU/", "prod-eu"],
    ["file:///tmp/My%20Repo", "", "my-20repo"],
  ])("the App of %s at %j is %s", (repository, path, name) => {
    expect(appNameOf(repository, path)).toBe(name);
  });

  it.each([
    ["kind-dev", [], "kind-dev"],
    ["arn:aws:eks:eu-west-1:1234:cluster/Prod", [], "arn-aws-eks-eu-west-1-1234-cluster-prod"],
    ["kind-dev", ["kind-dev"], "kind-dev-2"],
    ["///", [], "cluster"],
    [`${"x".repeat(80)}`, [], "x".repeat(63)],
  ])("the cluster of context %s is %s", (context, taken, name) => {
    expect(clusterNameOf(context, taken)).toBe(name);
  });
});

describe("repositoryUrl", () => {
  it.each([
    ["https://git.example.com/fleet.git", "https://git.example.com/fleet.git"],
    ["git@git.example.com:fleet.git", "git@git.example.com:fleet.git"],
    [".", "file:///"],
  ])("%s", (text, expected) => {
    expect(repositoryUrl(text, "/")).toBe(expected);
  });

  it("says when there is nothing", () => {
    expect(() => repositoryUrl("no-such-folder", "/")).toThrow("There is no repository at /no-such-folder.");
  });
});

it("makes definitions that adopt nothing", () => {
  const request = { repository: "https://git.example.com/f.git", branch: "main", path: "a", namespace: "a", name: "a" };
  const [source, app] = upDefinitions(request, ["kind-dev"]).map(parseDefinition);
  expect(source).toMatchObject({ kind: "valid" });
  expect(app).toMatchObject({ kind: "valid", definition: { spec: { sync: { adopt: "none" } } } });
});
