import { z } from "zod";
import { DEFINITION_WORDS } from "./definition-words.ts";
import { appDefinition } from "./definitions/app.ts";
import { appSetDefinition, generator } from "./definitions/app-set.ts";
import { clusterDefinition } from "./definitions/cluster.ts";
import { projectDefinition } from "./definitions/project.ts";
import { artifactRef, gitRef, sourceDefinition } from "./definitions/source.ts";
import { clusterSelector } from "./selector.ts";

/** JSON Schema (2020-12) of definitions, for editors: what people write, with defaults left out. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** By the name of its file, without `.json`. `definition` is any of them, for a file that holds several kinds. */
export const DEFINITION_SCHEMAS = ["source", "app", "appset", "project", "cluster", "definition"] as const;
export type DefinitionSchemaName = (typeof DEFINITION_SCHEMAS)[number];

const definitions = {
  source: sourceDefinition,
  app: appDefinition,
  appset: appSetDefinition,
  project: projectDefinition,
  cluster: clusterDefinition,
} as const;

/** Rules that zod checks by code, in words of JSON Schema. What cannot be said so, the hub says when it is applied. */
const RULES: readonly (readonly [z.ZodType, JsonSchema])[] = [
  ...[gitRef, artifactRef, generator].map((schema) => [schema, { minProperties: 1, maxProperties: 1 }] as const),
  [
    clusterSelector,
    { anyOf: ["all", "names", "matchLabels", "matchExpressions"].map((field) => ({ required: [field] })) },
  ],
];

export function definitionSchema(name: DefinitionSchemaName): JsonSchema {
  const head = { $schema: "https://json-schema.org/draft/2020-12/schema", title: `Muster ${titleOf(name)}` };
  if (name !== "definition") return { ...head, ...schemaOf(name) };
  // An editor that knows the kind tells what is wrong with that kind, and not with all of them.
  const kinds = Object.keys(definitions) as (keyof typeof definitions)[];
  return {
    ...head,
    type: "object",
    required: ["apiVersion", "kind", "metadata"],
    properties: { kind: { enum: kinds.map(titleOf), description: "what is defined here" } },
    allOf: kinds.map((kind) => ({
      if: { required: ["kind"], properties: { kind: { const: titleOf(kind) } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: schemaOf(kind),
    })),
  };
}

const titleOf = (name: DefinitionSchemaName): string =>
  ({
    source: "Source",
    app: "App",
    appset: "AppSet",
    project: "Project",
    cluster: "Cluster",
    definition: "definition",
  })[name];

function schemaOf(kind: keyof typeof definitions): JsonSchema {
  const { $schema: _, ...schema } = toJsonSchema(definitions[kind]);
  if (kind !== "appset") return schema;
  // The template is an App whose every value may be left to the generator.
  const template = at(schema, ["spec", "template"]) as { properties: Record<string, unknown> };
  const app = at(toJsonSchema(appDefinition), ["spec"]) as JsonSchema;
  template.properties.spec = { ...withVariables(app), description: "an App's spec" };
  return schema;
}

const toJsonSchema = (schema: z.ZodType): JsonSchema =>
  withWords(
    z.toJSONSchema(schema, {
      io: "input",
      reused: "inline",
      override({ zodSchema, jsonSchema }) {
        // A description makes a copy, which names what it was copied from.
        const sources: readonly unknown[] = [zodSchema, zodSchema._zod.parent];
        for (const [ruled, rule] of RULES) if (sources.includes(ruled)) Object.assign(jsonSchema, rule);
      },
    }) as JsonSchema,
    [],
  );

/** Every field gets its words, unless the model says them already. */
function withWords(schema: JsonSchema, path: readonly string[]): JsonSchema {
  const changed: Record<string, unknown> = { ...schema };
  const { properties, items, additionalProperties, anyOf } = schema;
  if (properties !== undefined) {
    changed.properties = Object.fromEntries(
      Object.entries(properties as Record<string, JsonSchema>).map(([field, inner]) => {
        const description = inner.description ?? wordsFor([...path, field]);
        const words = description === undefined ? {} : { description };
        return [field, { ...words, ...withWords(inner, [...path, field]) }];
      }),
    );
  }
  if (items !== undefined) changed.items = withWords(items as JsonSchema, [...path.slice(0, -1), `${path.at(-1)}[]`]);
  if (typeof additionalProperties === "object") {
    changed.additionalProperties = withWords(additionalProperties as JsonSchema, [...path, "*"]);
  }
  if (anyOf !== undefined) changed.anyOf = (anyOf as JsonSchema[]).map((option) => withWords(option, path));
  return changed;
}

function wordsFor(path: readonly string[]): string | undefined {
  for (let begin = 0; begin < path.length; begin += 1) {
    const words = DEFINITION_WORDS[path.slice(begin).join(".")];
    if (words !== undefined) return words;
  }
  return undefined;
}

const at = (schema: unknown, fields: readonly string[]): unknown =>
  fields.reduce<unknown>((node, field) => (node as { properties: Record<string, unknown> }).properties[field], schema);

const VARIABLE = { type: "string", pattern: "\\$\\{" } as const;

/** The same fields, each of which may be a text with a variable instead. */
function withVariables(schema: JsonSchema): JsonSchema {
  const { properties, items, additionalProperties, ...rest } = schema;
  return {
    ...rest,
    ...(properties === undefined
      ? {}
      : { properties: mapValues(properties as Record<string, JsonSchema>, orVariable) }),
    ...(items === undefined ? {} : { items: orVariable(items as JsonSchema) }),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === "boolean"
              ? additionalProperties
              : orVariable(additionalProperties as JsonSchema),
        }),
  };
}

function orVariable(schema: JsonSchema): JsonSchema {
  // Anything at all may be a text as it is.
  if (Object.keys(schema).every((key) => key === "description" || key === "default")) return schema;
  const { description, default: usual, ...rest } = withVariables(schema);
  return {
    ...(description === undefined ? {} : { description }),
    ...(usual === undefined ? {} : { default: usual }),
    anyOf: [rest, VARIABLE],
  };
}

const mapValues = <T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
