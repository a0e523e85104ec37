import { isObject, type JsonObject, type Live } from "./live.ts";
import { FIELD_MANAGER } from "./ownership.ts";

/**
 * Reads `metadata.managedFields`: who owns which field. Server-side apply moves ownership away from us the moment
 * somebody else changes a value of ours, and keeps it with us when the API server or a webhook merely writes the same
 * thing differently. That tells drift from normalisation without knowing any schema.
 *
 * A path is made of the API's own steps: `f:spec`, `k:{"name":"web"}`, `v:"finalizer"`, `i:0`.
 */
export type FieldPath = readonly string[];

const isOurs = (entry: { manager: string; operation: string; subresource?: string }): boolean =>
  entry.manager === FIELD_MANAGER && entry.operation === "Apply" && (entry.subresource ?? "") === "";

/** The fields that we own, as a tree; null where the API server keeps no record of it. */
export function ownFields(live: Live): JsonObject | null {
  const entry = live.metadata.managedFields?.find(isOurs);
  return entry !== undefined && isObject(entry.fieldsV1) ? entry.fieldsV1 : null;
}

/**
 * Changes when, and only when, what we own of the object changes: every drift does, a status update does not. Null
 * where the API server keeps no managed fields; then only a comparison tells.
 */
export function ownershipFingerprint(live: Live): string | null {
  const fields = ownFields(live);
  return fields === null ? null : shortHash(JSON.stringify(fields));
}

/** Whether a field, or a whole above it, is in the tree. */
export function ownsField(fields: JsonObject, path: FieldPath): boolean {
  let node: JsonObject = fields;
  for (const step of path) {
    const next = node[step];
    if (!isObject(next)) return false;
    // An applied leaf is owned as a whole: a value, or an atomic map or list. A list item never is: its fields have owners.
    if (Object.keys(next).length === 0) return !step.startsWith("k:") || step === path.at(-1);
    node = next;
  }
  return true;
}

/** How the API server merges a list: by keys of its items, as a set of values, or as one value. */
export type ListShape =
  | { readonly kind: "keyed"; readonly keys: readonly string[] }
  | { readonly kind: "set" }
  | { readonly kind: "atomic" };

/** As the record tells it, which knows custom resources too; null when nothing in it is about this list. */
export function listShapeAt(live: Live, path: FieldPath): ListShape | null {
  for (const { fieldsV1 } of live.metadata.managedFields ?? []) {
    let node: unknown = fieldsV1;
    for (const step of path) node = isObject(node) ? node[step] : undefined;
    if (!isObject(node)) continue;
    const steps = Object.keys(node);
    if (steps.length === 0) return { kind: "atomic" };
    const keyed = steps.find((step) => step.startsWith("k:"));
    if (keyed !== undefined) return { kind: "keyed", keys: Object.keys(JSON.parse(keyed.slice(2)) as object) };
    if (steps.some((step) => step.startsWith("v:"))) return { kind: "set" };
  }
  return null;
}

/** Whoever owns the field now and is not us; the latest writer first. */
export function otherManagerOf(live: Live, path: FieldPath): { manager: string; time?: string } | undefined {
  return (live.metadata.managedFields ?? [])
    .filter((entry) => !isOurs(entry) && isObject(entry.fieldsV1) && ownsField(entry.fieldsV1, path))
    .toSorted((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1))
    .map(({ manager, time }) => (time === undefined ? { manager } : { manager, time }))[0];
}

/** 53 bits of a fast hash (cyrb53, public domain): tells states apart, secures nothing. */
export function shortHash(text: string): string {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ code, 2654435761);
    h2 = Math.imul(h2 ^ code, 1597334677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909);
  return (4294967296 * (2097151 & h2) + (h1 >>> 0)).toString(36);
}
