import { nearestName } from "../nearest-name.ts";

/**
 * Variables in text, in the manner of `envsubst`:
 *
 *   ${name}            the value; a name without one is a fault
 *   ${name:-text}      the text when there is no value, or an empty one; `:=` means the same
 *   ${name-text}       the text when there is no value; `=` means the same
 *   $${name}           `${name}`, not substituted: before a brace, two dollars stand for one
 *
 * A default may hold variables. What else begins with a dollar (`$FOO`, `$(FOO)`, `$$(FOO)`, `$$`) is left as it is.
 * A value is never looked at again: what it says about variables is text.
 */
export type Variables = Readonly<Record<string, string>>;

export interface SubstitutionFault {
  readonly code: "UnknownVariable" | "InvalidSubstitution";
  readonly message: string;
  readonly fix: string;
}

export type Substituted =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "faulty"; readonly fault: SubstitutionFault };

/** A text that variables stand in, taken apart. */
export type Part = string | Reference;

export interface Reference {
  readonly name: string;
  /** Whether an empty value counts as none; null without a default. */
  readonly fallback: { readonly parts: readonly Part[]; readonly whenEmpty: boolean } | null;
}

/** `replicas`, `cluster.name`, `cluster.labels.topology.kubernetes.io/zone`. A dash in a dotted name is part of it. */
const NAME = /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9_])?)?/y;
const OPERATOR = /:-|:=|-|=/y;
const DEPTH_MAX = 8;
const NAME_SHOWN_MAX = 80;
/** What one text may become: a value that is long and named often must not fill the memory. */
const CHARACTERS_MAX = 4 * 1024 * 1024;

/** Most texts have no variable in them: this says so cheaply, and says yes to some that have none. */
export const mayHaveVariables = (text: string): boolean => text.includes("${");

export function substitute(text: string, values: Variables): Substituted {
  if (!mayHaveVariables(text)) return { kind: "text", text };
  try {
    const written = write(parse(text), values);
    if (written.length > CHARACTERS_MAX) throw new Fault(tooLong());
    return { kind: "text", text: written };
  } catch (error) {
    if (error instanceof Fault) return { kind: "faulty", fault: error.fault };
    throw error;
  }
}

/** Adds the names of the variables in a text to `names`; of those in defaults too. What is no variable adds nothing. */
export function addReferences(text: string, names: Set<string>): void {
  if (!mayHaveVariables(text)) return;
  try {
    add(parse(text));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }

  function add(parts: readonly Part[]): void {
    for (const part of parts) {
      if (typeof part === "string") continue;
      names.add(part.name);
      if (part.fallback) add(part.fallback.parts);
    }
  }
}

export type ParsedText =
  | { readonly kind: "parts"; readonly parts: readonly Part[] }
  | { readonly kind: "faulty"; readonly fault: SubstitutionFault };

/** A text taken apart, for who fills in some variables and leaves the others for later. Escapes are resolved. */
export function parseVariables(text: string): ParsedText {
  try {
    return { kind: "parts", parts: parse(text) };
  } catch (error) {
    if (error instanceof Fault) return { kind: "faulty", fault: error.fault };
    throw error;
  }
}

class Fault extends Error {
  readonly fault: SubstitutionFault;
  constructor(fault: SubstitutionFault) {
    super(fault.message);
    this.fault = fault;
  }
}

function write(parts: readonly Part[], values: Variables): string {
  let text = "";
  for (const part of parts) {
    text += typeof part === "string" ? part : variableText(part, values);
    if (text.length > CHARACTERS_MAX) throw new Fault(tooLong());
  }
  return text;
}

function variableText({ name, fallback }: Reference, values: Variables): string {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  if (fallback && (value === undefined || (value === "" && fallback.whenEmpty))) return write(fallback.parts, values);
  if (value === undefined) throw new Fault(unknownVariable(name, values));
  return value;
}

function parse(text: string): readonly Part[] {
  let at = 0;
  const parts = parseUntil(false, 0);
  return parts;

  /** Up to the end, or to the brace that closes the default that is being read. */
  function parseUntil(isDefault: boolean, depth: number): Part[] {
    const parts: Part[] = [];
    let literal = "";
    // Braces that were escaped, and whose other half must not close the default.
    let open = 0;
    while (at < text.length) {
      const char = text[at] as string;
      if (isDefault && char === "}") {
        if (open === 0) break;
        open -= 1;
        literal += char;
        at += 1;
        continue;
      }
      if (char !== "$") {
        const next = nextMark(isDefault);
        literal += text.slice(at, next);
        at = next;
        continue;
      }
      const dollars = runOfDollars();
      at += dollars;
      if (text[at] !== "{") {
        literal += "$".repeat(dollars);
        continue;
      }
      literal += "$".repeat(dollars >> 1);
      if (dollars % 2 === 0) {
        literal += "{";
        at += 1;
        open += 1;
        continue;
      }
      if (literal !== "") parts.push(literal);
      literal = "";
      parts.push(parseReference(at - 1, depth));
    }
    if (literal !== "") parts.push(literal);
    return parts;
  }

  function nextMark(isDefault: boolean): number {
    const dollar = text.indexOf("$", at);
    const brace = isDefault ? text.indexOf("}", at) : -1;
    return Math.min(dollar < 0 ? text.length : dollar, brace < 0 ? text.length : brace);
  }

  function runOfDollars(): number {
    let end = at;
    while (text[end] === "$") end += 1;
    return end - at;
  }

  /** `start` is at the dollar, `at` at the brace. */
  function parseReference(start: number, depth: number): Reference {
    at += 1;
    const name = match(NAME);
    if (name === null || depth >= DEPTH_MAX) throw new Fault(invalid(text, start));
    const operator = match(OPERATOR);
    let fallback: Reference["fallback"] = null;
    if (operator !== null) fallback = { parts: parseUntil(true, depth + 1), whenEmpty: operator.startsWith(":") };
    if (text[at] !== "}") throw new Fault(invalid(text, start));
    at += 1;
    return { name, fallback };
  }

  function match(pattern: RegExp): string | null {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  }
}

/** What is said of a variable that `values` does not hold. */
export function unknownVariable(name: string, values: Readonly<Record<string, unknown>>): SubstitutionFault {
  const shown = name.slice(0, NAME_SHOWN_MAX);
  const known = Object.keys(values);
  const before = known.find((each) => each.includes(".") && name.startsWith(`${each}-`));
  if (before !== undefined) {
    return {
      code: "UnknownVariable",
      message: `the variable ${shown} has no value here.`,
      fix: `If ${before} with a default is meant, write \${${before}:-${name.slice(before.length + 1).slice(0, NAME_SHOWN_MAX)}}: a dash can be part of a name that has a dot.`,
    };
  }
  const nearest = nearestName(name, known);
  const hint = nearest === null ? "" : ` Did you mean ${nearest}?`;
  return {
    code: "UnknownVariable",
    message: `the variable ${shown} has no value here.${hint}`,
    fix: `Give it one, or a default: \${${shown}:-…}. To mean the text itself, write $\${${shown}}.`,
  };
}

function invalid(text: string, start: number): SubstitutionFault {
  const close = text.indexOf("}", start);
  const shown = text.slice(start, close < 0 ? start + 40 : Math.min(close + 1, start + 40));
  return {
    code: "InvalidSubstitution",
    message: `${JSON.stringify(shown)} is no variable: the forms are \${name}, \${name:-default} and \${name-default}.`,
    fix: "Write $${ for a ${ that is meant to stay.",
  };
}

const tooLong = (): SubstitutionFault => ({
  code: "InvalidSubstitution",
  message: `with its variables written out, this text is longer than ${CHARACTERS_MAX} characters.`,
  fix: "Use shorter values, or name them less often.",
});
