import { describe, expect, it } from "vitest";
import { locateField, readDefinitionFile } from "./definition-file.ts";

const source = `apiVersion: muster.dev/v1alpha1
kind: Source
metadata: { name: fleet, project: storefront }
spec:
  git: { url: https://git.example.com/fleet.git }
`;
const app = `---
# the shop
apiVersion: muster.dev/v1alpha1
kind: App
metadata:
  name: shop
  project: storefront
spec:
  source: { name: fleet, path: apps/shop }
  clusters:
    matchLabels: { tier: prod }
`;

describe("readDefinitionFile", () => {
  it("reads every document of a file", () => {
    const { definitions, problems } = readDefinitionFile("fleet.yaml", `${source}${app}---\n`);
    expect(problems).toEqual([]);
    expect(definitions.map((definition) => definition.title)).toEqual([
      "Source storefront/fleet",
      "App storefront/shop",
    ]);
  });

  it.each([
    ["an unknown field", "  sync: { drfit: warn }\n", 17, /"spec.sync.drfit".*did you mean "drift"\?/],
    ["a wrong value", "  sync:\n    drift: never\n", 18, /"spec.sync.drift"/],
    ["a field that stands twice", "  clusters: { all: true }\n", 17, /unique/],
    ["broken YAML", "  sync: [\n", 18, /./],
  ])("names the line of %s", (_, lines, line, message) => {
    const { problems } = readDefinitionFile("fleet.yaml", `${source}${app}${lines}`);
    expect(problems).toMatchObject([{ file: "fleet.yaml", line }]);
    expect(problems[0]?.message).toMatch(message);
  });

  it("points at the place above when a field is missing", () => {
    const { problems } = readDefinitionFile("f.yaml", app.replace("  name: shop\n", ""));
    expect(problems).toEqual([{ file: "f.yaml", line: 5, message: '"metadata.name" is missing.' }]);
  });

  it("refuses an alias bomb", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${"*a,".repeat(20)}]\nc: [${"*b,".repeat(20)}]\n`;
    const { problems, definitions } = readDefinitionFile("bomb.yaml", bomb);
    expect(definitions).toEqual([]);
    expect(problems[0]?.message).toMatch(/alias/i);
  });

  it("takes back what `muster get -o yaml` printed", () => {
    const { definitions, problems } = readDefinitionFile("f.yaml", `${app}status:\n  state: Healthy\n`);
    expect(problems).toEqual([]);
    expect(definitions[0]?.value).not.toHaveProperty("status");
  });

  it("finds the line of what the hub refused", () => {
    const { definitions } = readDefinitionFile("f.yaml", `${source}${app}`);
    expect(locateField(definitions, "definitions[1].spec.source.name")).toMatchObject({ file: "f.yaml", line: 14 });
    expect(locateField(definitions, "definitions[7].spec")).toBeNull();
    expect(locateField(definitions, "reason")).toBeNull();
  });
});
