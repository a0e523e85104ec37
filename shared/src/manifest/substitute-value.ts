import type { Problem } from "../model/problem.ts";
import { addReferences, substitute, type Variables } from "./substitute.ts";

/** Variables in Muster's own fields: paths, Helm values, patches. See `substitute.ts` for the forms. */

export type SubstitutedText =
  | { readonly kind: "substituted"; readonly text: string }
  | { readonly kind: "invalid"; readonly problem: Problem };

export type SubstitutedValue<T> =
  | { readonly kind: "substituted"; readonly value: T }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

const PROBLEMS_MAX = 20;

/** `where` is the caller's to fill in. */
export function substituteText(text: string, values: Variables): SubstitutedText {
  const result = substitute(text, values);
  if (result.kind === "text") return { kind: "substituted", text: result.text };
  return { kind: "invalid", problem: { ...result.fault, where: {} } };
}

/**
 * The same in every text of a JSON value, however deep; keys stay. What holds no variable is the same value as before.
 * Problems carry `where.field`, the path in the value (`env.0.value`).
 */
export function substituteValue<T>(value: T, values: Variables): SubstitutedValue<T> {
  const problems: Problem[] = [];
  const result = walk(value, []);
  return problems.length > 0 ? { kind: "invalid", problems } : { kind: "substituted", value: result as T };

  function walk(node: unknown, path: readonly (string | number)[]): unknown {
    if (typeof node === "string") {
      const substituted = substitute(node, values);
      if (substituted.kind === "text") return substituted.text;
      if (problems.length < PROBLEMS_MAX) {
        problems.push({ ...substituted.fault, where: path.length > 0 ? { field: path.join(".") } : {} });
      }
      return node;
    }
    if (Array.isArray(node)) {
      const items = node.map((item, index) => walk(item, [...path, index]));
      return items.every((item, index) => item === node[index]) ? node : items;
    }
    if (typeof node === "object" && node !== null) {
      const before = Object.entries(node);
      const after = before.map(([key, item]) => [key, walk(item, [...path, key])] as const);
      return after.every(([, item], index) => item === before[index]?.[1]) ? node : Object.fromEntries(after);
    }
    return node;
  }
}

/** The variables that the texts of a JSON value mention, sorted. Another value of any other changes nothing. */
export function referencesIn(value: unknown): readonly string[] {
  const names = new Set<string>();
  walk(value);
  return [...names].sort();

  function walk(node: unknown): void {
    if (typeof node === "string") addReferences(node, names);
    else if (Array.isArray(node)) node.forEach(walk);
    else if (typeof node === "object" && node !== null) Object.values(node).forEach(walk);
  }
}
