import {
  mayHaveVariables,
  type Part,
  parseVariables,
  type SubstitutionFault,
  unknownVariable,
} from "@muster/shared/manifest/substitute.ts";
import type { z } from "zod";

type Json = z.core.util.JSONType;

/** What a generator gives for one item: `directory.name`, `file.cluster.region`, each with its JSON value. */
export type ItemValues = ReadonlyMap<string, Json>;

export type Filled =
  /**
   * `typed`: the paths, as JSON, of values that one variable alone stood for: they have the variable's own type, and
   * may turn out to be wanted as text.
   */
  | { readonly kind: "filled"; readonly value: Json; readonly typed: ReadonlySet<string> }
  | { readonly kind: "faulty"; readonly faults: readonly TemplateFault[] };

export interface TemplateFault extends SubstitutionFault {
  /** In the template. */
  readonly path: readonly (string | number)[];
}

const ROOTS: readonly string[] = ["directory", "file", "label"];
/** Dotted names that an App itself may use later, once for each cluster. */
const LATER_ROOTS: readonly string[] = ["cluster"];

/**
 * Fills a generator's variables into a template. Variables without a dot and those of the cluster stay as they are
 * written, for the App that comes out of it; what is filled in is text to them, whatever it looks like.
 */
export function fillTemplate(template: Json, values: ItemValues): Filled {
  const faults: TemplateFault[] = [];
  const typed = new Set<string>();
  const value = walk(template, []);
  return faults.length > 0 ? { kind: "faulty", faults } : { kind: "filled", value, typed };

  function walk(node: Json, path: readonly (string | number)[]): Json {
    if (typeof node === "string") {
      if (!mayHaveVariables(node)) return node;
      try {
        return fillText(node, path);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        faults.push({ ...error.fault, path });
        return node;
      }
    }
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]));
    if (typeof node === "object" && node !== null) {
      return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item, [...path, key])]));
    }
    return node;
  }

  function fillText(text: string, path: readonly (string | number)[]): Json {
    const parsed = parseVariables(text);
    if (parsed.kind === "faulty") throw new Fault(parsed.fault);
    const [only] = parsed.parts;
    if (parsed.parts.length === 1 && typeof only === "object" && isOurs(only.name)) {
      const value = values.get(only.name) ?? null;
      if (value !== null && typeof value !== "string") {
        typed.add(JSON.stringify(path));
        return escapeDeep(value);
      }
    }
    return writeBack(fillParts(parsed.parts));
  }

  /** Our variables as text, those of others as they are. */
  function fillParts(parts: readonly Part[]): readonly Written[] {
    return parts.flatMap((part): readonly Written[] => {
      if (typeof part === "string") return [{ kind: "literal", text: part }];
      const { name, fallback } = part;
      if (!isOurs(name)) {
        const operator = fallback === null ? "" : fallback.whenEmpty ? ":-" : "-";
        const inner = fallback === null ? "" : writeBack(fillParts(fallback.parts));
        const text = `\${${name}${operator}${inner}}`;
        if (!isOneVariable(text)) throw new Fault(looseBrace(name));
        return [{ kind: "reference", text }];
      }
      const value = values.get(name) ?? null;
      const isAbsent = value === null || (value === "" && fallback?.whenEmpty === true);
      if (!isAbsent) return [{ kind: "literal", text: asText(name, value) }];
      if (fallback === null) throw new Fault(unknownVariable(name, Object.fromEntries(values)));
      return fillParts(fallback.parts);
    });
  }

  function isOurs(name: string): boolean {
    const root = name.split(".", 1)[0] as string;
    if (root === name || LATER_ROOTS.includes(root)) return false;
    if (values.has(name) || ROOTS.some((known) => known === root && hasRoot(root))) return true;
    throw new Fault(unknownVariable(name, Object.fromEntries(values)));
  }

  function hasRoot(root: string): boolean {
    for (const name of values.keys()) if (name.startsWith(`${root}.`)) return true;
    return false;
  }
}

type Written = { readonly kind: "literal" | "reference"; readonly text: string };

class Fault extends Error {
  readonly fault: SubstitutionFault;
  constructor(fault: SubstitutionFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** A text that, read again, gives these literals and references: dollars that would begin a variable are doubled. */
function writeBack(written: readonly Written[]): string {
  let text = "";
  let literal = "";
  for (const part of written) {
    if (part.kind === "literal") {
      literal += part.text;
      continue;
    }
    text += escapeText(literal).replace(/\$+$/, "$&$&") + part.text;
    literal = "";
  }
  return text + escapeText(literal);
}

const escapeText = (literal: string): string => literal.replaceAll(/\$+(?=\{)/g, (dollars) => dollars + dollars);

function escapeDeep(value: Json): Json {
  if (typeof value === "string") return escapeText(value);
  if (Array.isArray(value)) return value.map(escapeDeep);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, escapeDeep(item)]));
}

function asText(name: string, value: Json): string {
  if (typeof value !== "object" || value === null) return String(value);
  throw new Fault({
    code: "InvalidSubstitution",
    message: `${name} is a ${Array.isArray(value) ? "list" : "mapping"}, which cannot stand inside a text.`,
    fix: `Name one of its fields, or let \${${name}} stand alone.`,
  });
}

/** A value with a closing brace would end the default that it was filled into. */
function isOneVariable(text: string): boolean {
  const parsed = parseVariables(text);
  return parsed.kind === "parts" && parsed.parts.length === 1 && typeof parsed.parts[0] === "object";
}

const looseBrace = (name: string): SubstitutionFault => ({
  code: "InvalidSubstitution",
  message: `the default of ${name} would be cut short by a brace in the value that is filled in.`,
  fix: "Take the brace out of the value.",
});
