import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { readYaml } from "../manifest/read-yaml.ts";
import { YAML_LIMITS } from "../manifest/yaml-limits.ts";
import { DEFINITION_SCHEMAS, type DefinitionSchemaName, definitionSchema } from "./definition-schema.ts";
import { DEFINITION_WORDS } from "./definition-words.ts";
import { parseDefinition } from "./parse-definition.ts";

describe("words for an editor to show", () => {
  it.each(DEFINITION_SCHEMAS)("are there for every field of %s", (name) => {
    expect(fieldsWithoutWords(definitionSchema(name), name)).toEqual([]);
  });

  it("are all of a field", () => {
    const schemas = JSON.stringify(DEFINITION_SCHEMAS.map(definitionSchema));
    const unused = Object.entries(DEFINITION_WORDS).filter(([, words]) => !schemas.includes(JSON.stringify(words)));
    expect(unused).toEqual([]);
  });
});

function fieldsWithoutWords(schema: unknown, path: string): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  if (Array.isArray(schema)) return schema.flatMap((item) => fieldsWithoutWords(item, path));
  return Object.entries(schema).flatMap(([key, value]) => {
    if (key !== "properties") return fieldsWithoutWords(value, path);
    return Object.entries(value as Record<string, { description?: string }>).flatMap(([field, inner]) => [
      ...(inner.description || "const" in inner ? [] : [`${path}.${field}`]),
      ...fieldsWithoutWords(inner, `${path}.${field}`),
    ]);
  });
}

const accepts = (name: DefinitionSchemaName, document: unknown): boolean =>
  new Ajv2020({ strict: false }).validate(definitionSchema(name), document);

const read = (text: string): unknown[] =>
  [...readYaml(text, YAML_LIMITS)].map((document) => (document.kind === "document" ? document.value : null));

describe("the schema of all definitions", () => {
  const page = readFileSync(new URL("../../../docs/reference/definitions.md", import.meta.url), "utf8");
  const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].flatMap(([, text]) => read(text ?? ""));

  it("takes every example of the reference", () => {
    expect(examples.length).toBeGreaterThan(4);
    for (const example of examples) expect([example, accepts("definition", example)]).toEqual([example, true]);
  });

  const app = (spec: string, kind = "App") =>
    read(`{apiVersion: muster.dev/v1alpha1, kind: ${kind}, metadata: {name: shop}, spec: ${spec}}`)[0];

  it.each([
    ["an unknown field", app("{source: {name: fleet}, clusters: {all: true}, sinc: {}}")],
    ["an empty selector", app("{source: {name: fleet}, clusters: {}}")],
    ["a selector that only excludes", app("{source: {name: fleet}, clusters: {exclude: {names: [a]}}}")],
    ["two refs", app("{git: {url: https://a/b, ref: {branch: a, tag: b}}}", "Source")],
    ["no generator", app("{generator: {}, template: {metadata: {name: a}, spec: {}}}", "AppSet")],
    ["an unknown kind", app("{}", "Appp")],
    ["another kind's field", app("{poll: 1m}", "Project")],
    ["no kind", read("{apiVersion: muster.dev/v1alpha1, metadata: {name: a}}")[0]],
  ])("refuses %s, as the hub does", (_what, document) => {
    expect(accepts("definition", document)).toBe(false);
    expect(parseDefinition(document).kind).toBe("invalid");
  });

  const template = (spec: string) =>
    app(
      `{generator: {clusterLabel: {key: region}}, template: {metadata: {name: "a-\${label.value}"}, spec: ${spec}}}`,
      "AppSet",
    );

  it("takes a variable of the generator for any value of a template, and knows its fields", () => {
    const good = '{source: {name: fleet}, clusters: {names: "${file.names}"}, substitute: "${file.x}"}';
    expect(accepts("appset", template(good))).toBe(true);
    expect(accepts("appset", template("{source: {name: fleet}, clusters: {names: some}}"))).toBe(false);
    expect(accepts("appset", template("{source: {name: fleet, pth: a}, clusters: {all: true}}"))).toBe(false);
  });
});
