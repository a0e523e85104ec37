import { z } from "zod";
import { nearestName } from "../nearest-name.ts";
import { API_VERSION } from "./definitions/common.ts";
import { DEFINITION_KINDS, type Definition, definition } from "./definitions.ts";

/** One thing wrong with a definition. `path` leads to the field: `["spec", "sync", "drift"]`. */
export interface DefinitionProblem {
  readonly code: "UnknownField" | "InvalidField" | "KindUnknown";
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type ParsedDefinition =
  | { readonly kind: "valid"; readonly definition: Definition }
  | { readonly kind: "invalid"; readonly problems: readonly DefinitionProblem[] };

/** Reads one definition document. Unknown fields are errors that name the nearest known field. */
export function parseDefinition(value: unknown): ParsedDefinition {
  const parsed = definition.safeParse(value);
  if (parsed.success) return { kind: "valid", definition: parsed.data };
  const misfit = explainKind(value);
  if (misfit !== null) return { kind: "invalid", problems: [misfit] };
  return { kind: "invalid", problems: explainIssues(definition, value, parsed.error.issues) };
}

/** Zod's issues in words for people, unknown fields with the nearest name that `schema` knows at that place. */
export function explainIssues(
  schema: z.ZodType,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
): readonly DefinitionProblem[] {
  return issues.flatMap((issue): DefinitionProblem[] => {
    const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        code: "UnknownField",
        path: [...path, key],
        message: unknownField(key, path, fieldsAt(schema, value, path)),
      }));
    }
    const isMissing = issue.code === "invalid_type" && at(value, path) === undefined;
    const field = formatPath(path);
    const message = isMissing ? `"${field}" is missing.` : `"${field}": ${issue.message}.`;
    return [{ code: "InvalidField", path, message: field === "" ? `${issue.message}.` : message }];
  });
}

/** `spec.clusters.matchExpressions[0].key`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`),
    "",
  );
}

function explainKind(value: unknown): DefinitionProblem | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { code: "InvalidField", path: [], message: "a definition is a mapping with apiVersion, kind and metadata." };
  }
  const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown };
  if (apiVersion !== API_VERSION) {
    const found = apiVersion === undefined ? "is missing" : `is ${JSON.stringify(apiVersion)}`;
    return { code: "InvalidField", path: ["apiVersion"], message: `"apiVersion" ${found}; write ${API_VERSION}.` };
  }
  if (DEFINITION_KINDS.some((known) => known === kind)) return null;
  const nearest = typeof kind === "string" ? nearestName(kind, DEFINITION_KINDS) : null;
  const found = kind === undefined ? `"kind" is missing` : `"kind" is ${JSON.stringify(kind)}`;
  const hint = nearest === null ? `known kinds are ${DEFINITION_KINDS.join(", ")}` : `did you mean ${nearest}?`;
  return { code: "KindUnknown", path: ["kind"], message: `${found}; ${hint}${hint.endsWith("?") ? "" : "."}` };
}

function unknownField(key: string, path: readonly (string | number)[], known: readonly string[]): string {
  const nearest = nearestName(key, known);
  const field = formatPath([...path, key]);
  if (nearest !== null) return `"${field}" is not a known field; did you mean "${nearest}"?`;
  return `"${field}" is not a known field; known here: ${known.join(", ")}.`;
}

function at(value: unknown, path: readonly (string | number)[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}

/** The names of the fields that `schema` allows at `path`; a union is narrowed by the value's own discriminator. */
function fieldsAt(schema: z.ZodType, value: unknown, path: readonly (string | number)[]): readonly string[] {
  const here = unwrap(schema, value);
  if (here instanceof z.ZodObject) {
    const [step, ...rest] = path;
    if (step === undefined) return Object.keys(here.shape);
    const next = here.shape[String(step)] as z.ZodType | undefined;
    return next === undefined ? [] : fieldsAt(next, at(value, [step]), rest);
  }
  if (here instanceof z.ZodArray && path.length > 0) {
    return fieldsAt(here.element as z.ZodType, at(value, path.slice(0, 1)), path.slice(1));
  }
  return [];
}

function unwrap(schema: z.ZodType, value: unknown): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return unwrap(schema.unwrap() as z.ZodType, value);
  }
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.def.innerType as z.ZodType, value);
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const discriminator = schema.def.discriminator;
    const wanted = at(value, [discriminator]);
    const option = schema.options.find((candidate) => {
      const field = candidate instanceof z.ZodObject ? candidate.shape[discriminator] : undefined;
      return field instanceof z.ZodLiteral && field.value === wanted;
    });
    return option === undefined ? schema : unwrap(option as z.ZodType, value);
  }
  return schema;
}
