/** A selector of labels or annotations in one line, as kubectl takes it: `app=web,tier in (front, back),!legacy`. */
export type LabelQuery =
  | { readonly kind: "query"; readonly matches: (labels: Readonly<Record<string, string | null>>) => boolean }
  /** `reason` is a sentence without its end. */
  | { readonly kind: "invalid"; readonly reason: string };

type Requirement = (labels: Readonly<Record<string, string | null>>) => boolean;

const KEY = "[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?";
const VALUE = "[^\\s,()=!]*";
const EQUALS = new RegExp(`^(${KEY})\\s*(=|==|!=)\\s*(${VALUE})$`);
const IN = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);

export function parseLabelQuery(text: string): LabelQuery {
  const requirements: Requirement[] = [];
  // Commas inside brackets part values, not requirements.
  for (const part of text.split(/,(?![^(]*\))/)) {
    const requirement = parseRequirement(part.trim());
    if (requirement === null) {
      return { kind: "invalid", reason: `${JSON.stringify(part.trim().slice(0, 80))} is no selector of labels` };
    }
    requirements.push(requirement);
  }
  return { kind: "query", matches: (labels) => requirements.every((holds) => holds(labels)) };
}

function parseRequirement(text: string): Requirement | null {
  const equals = EQUALS.exec(text);
  if (equals) {
    const [, key = "", operator, value = ""] = equals;
    return operator === "!=" ? (labels) => read(labels, key) !== value : (labels) => read(labels, key) === value;
  }
  const among = IN.exec(text);
  if (among) {
    const [, key = "", operator, list = ""] = among;
    const values = list.split(",").map((value) => value.trim());
    if (operator === "in") return (labels) => values.includes(read(labels, key) as string);
    return (labels) => !values.includes(read(labels, key) as string);
  }
  const exists = EXISTS.exec(text);
  if (!exists) return null;
  const [, not, key = ""] = exists;
  return not === "!" ? (labels) => read(labels, key) === undefined : (labels) => read(labels, key) !== undefined;
}

const read = (labels: Readonly<Record<string, string | null>>, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? (labels[key] ?? "") : undefined;
