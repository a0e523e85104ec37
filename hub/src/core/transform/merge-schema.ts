import { KINDS, TYPES } from "./generated/merge-keys.ts";

/** How Kubernetes merges a field: what its value, or each item of its list, is of, and whether lists are merged. */
export interface FieldSchema {
  /** Null: nothing below is merged in a way of its own. */
  readonly type: string | null;
  /** The keys by which two items are the same; empty for words. Null: a list is replaced. */
  readonly mergeKeys: readonly string[] | null;
}

const PLAIN: FieldSchema = { type: null, mergeKeys: null };

/** The type of one of Kubernetes' own kinds; null for all others. */
export function typeOfKind(apiVersion: string, kind: string): string | null {
  const key = `${apiVersion}/${kind}`;
  return Object.hasOwn(KINDS, key) ? (KINDS[key] ?? null) : null;
}

export function fieldOf(type: string | null, field: string): FieldSchema {
  const fields = type === null ? undefined : TYPES[type];
  if (fields === undefined || !Object.hasOwn(fields, field)) return PLAIN;
  const [of = "-", strategy, ...mergeKeys] = (fields[field] as string).split(" ");
  return { type: of === "-" ? null : of, mergeKeys: strategy === "merge" ? mergeKeys : null };
}
