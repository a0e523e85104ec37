import { isEqual } from "./json-patch.ts";
import { isMapping, type Mapping, MergeRefusal, mergeItems, mergeWords, orderLike } from "./merge-lists.ts";
import { type FieldSchema, fieldOf, typeOfKind } from "./merge-schema.ts";

/**
 * Strategic merge patches as Kubernetes defines them and kustomize applies them. Mappings are merged, null deletes, and
 * lists are replaced, but for those that Kubernetes merges by a key: there an item of the patch is merged with the item
 * of the same key, and new ones stand before the others. For kinds that Kubernetes does not have itself, all lists are
 * replaced, as in a JSON merge patch (RFC 7386).
 *
 * Directives: `$patch: delete | replace | merge` in a mapping, or as an item of its own in a list;
 * `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`, `$retainKeys`.
 */
export type StrategicMerged =
  /** Null: the patch deletes the object. */
  | { readonly kind: "merged"; readonly value: Mapping | null }
  /** `reason` is a sentence without its end. */
  | { readonly kind: "failed"; readonly path: readonly string[]; readonly reason: string };

/** The object after the patch. Never changes what it is given; what stays the same is shared. */
export function mergeStrategic(object: Mapping, patch: Mapping): StrategicMerged {
  try {
    const type = typeOfKind(String(object.apiVersion), String(object.kind));
    return { kind: "merged", value: (mergeMappings(object, patch, type, []) as Mapping | undefined) ?? null };
  } catch (error) {
    if (error instanceof MergeRefusal) return { kind: "failed", path: error.path, reason: error.message };
    throw error;
  }
}

const DELETE_FROM = "$deleteFromPrimitiveList/";
const ORDER = "$setElementOrder/";
const RETAIN = "$retainKeys";

/** Undefined: it is deleted. */
function mergeMappings(
  target: Mapping,
  patch: Mapping,
  type: string | null,
  path: readonly string[],
): Mapping | undefined {
  switch (directiveOf(patch, path)) {
    case "delete":
      return undefined;
    case "replace":
      return mergeMappings({}, withoutDirective(patch), type, path);
  }
  const result = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    if (key === "$patch" || key === RETAIN || key.startsWith(ORDER)) continue;
    if (key.startsWith(DELETE_FROM)) {
      deleteWords(result, key.slice(DELETE_FROM.length), value, path);
      continue;
    }
    const merged = mergeField(result.get(key), value, fieldOf(type, key), [...path, key]);
    if (merged === undefined) result.delete(key);
    else result.set(key, merged);
  }
  retainKeys(result, patch[RETAIN], path);
  for (const [key, order] of Object.entries(patch)) {
    if (key.startsWith(ORDER)) setOrder(result, key.slice(ORDER.length), order, type, path);
  }
  return Object.fromEntries(result);
}

/** Undefined: the field goes. */
function mergeField(target: unknown, patch: unknown, schema: FieldSchema, path: readonly string[]): unknown {
  if (patch === null) return undefined;
  if (isMapping(patch)) {
    if (patch.$patch === "delete") return undefined;
    if (target !== undefined && target !== null && !isMapping(target)) throw mismatch(target, patch, path);
    return mergeMappings(isMapping(target) ? target : {}, patch, schema.type, path);
  }
  if (Array.isArray(patch)) {
    if (target !== undefined && target !== null && !Array.isArray(target)) throw mismatch(target, patch, path);
    return mergeLists(Array.isArray(target) ? target : [], patch, schema, path);
  }
  if (typeof target === "object" && target !== null) throw mismatch(target, patch, path);
  return patch;
}

function mergeLists(
  target: readonly unknown[],
  patch: readonly unknown[],
  schema: FieldSchema,
  path: readonly string[],
): readonly unknown[] | undefined {
  const { items, directive } = listDirective(patch, path);
  if (directive === "delete") return undefined;
  const before = directive === "replace" ? [] : target;
  const { mergeKeys, type } = schema;
  if (mergeKeys === null) return items.map((item, index) => written(item, type, [...path, String(index)]));
  return mergeKeys.length === 0
    ? mergeWords(before, items)
    : mergeItems(before, items, {
        mergeKeys,
        path,
        merge: (item, itemPatch, itemPath) => mergeMappings(item, itemPatch, type, itemPath),
      });
}

/** A part of a patch that meets nothing: its directives are done, its nulls are gone. */
function written(patch: unknown, type: string | null, path: readonly string[]): unknown {
  if (isMapping(patch)) return mergeMappings({}, patch, type, path) ?? {};
  if (Array.isArray(patch)) return patch.map((item, index) => written(item, null, [...path, String(index)]));
  return patch;
}

/** `- $patch: replace` in a list speaks of the whole list. */
function listDirective(patch: readonly unknown[], path: readonly string[]) {
  const isDirective = (item: unknown): item is Mapping => isMapping(item) && isEqual(Object.keys(item), ["$patch"]);
  const directives = patch.filter(isDirective).map((item) => directiveOf(item, path));
  const directive = directives.find((each) => each !== "merge") ?? "merge";
  return { directive, items: directives.length === 0 ? patch : patch.filter((item) => !isDirective(item)) };
}

function directiveOf(patch: Mapping, path: readonly string[]): "delete" | "replace" | "merge" {
  const directive = Object.hasOwn(patch, "$patch") ? patch.$patch : "merge";
  if (directive === "delete" || directive === "replace" || directive === "merge") return directive;
  throw new MergeRefusal(path, `"$patch" is ${JSON.stringify(directive)}, and can be delete, replace or merge`);
}

const withoutDirective = (patch: Mapping): Mapping =>
  Object.fromEntries(Object.entries(patch).filter(([key]) => key !== "$patch"));

function deleteWords(result: Map<string, unknown>, field: string, words: unknown, path: readonly string[]): void {
  if (!Array.isArray(words)) throw new MergeRefusal([...path, DELETE_FROM + field], "this takes a list");
  const target = result.get(field);
  if (!Array.isArray(target)) return;
  result.set(
    field,
    target.filter((word) => !words.includes(word)),
  );
}

function retainKeys(result: Map<string, unknown>, keys: unknown, path: readonly string[]): void {
  if (keys === undefined) return;
  if (!Array.isArray(keys)) throw new MergeRefusal([...path, RETAIN], "this takes a list");
  for (const key of [...result.keys()]) if (!keys.includes(key)) result.delete(key);
}

function setOrder(
  result: Map<string, unknown>,
  field: string,
  order: unknown,
  type: string | null,
  path: readonly string[],
): void {
  const at = [...path, ORDER + field];
  if (!Array.isArray(order)) throw new MergeRefusal(at, "this takes a list");
  const target = result.get(field);
  const { mergeKeys } = fieldOf(type, field);
  if (mergeKeys === null) throw new MergeRefusal(at, `"${field}" is no list that is merged, so it has no such order`);
  if (Array.isArray(target)) result.set(field, orderLike(target, order, mergeKeys, at));
}

function mismatch(target: unknown, patch: unknown, path: readonly string[]): MergeRefusal {
  return new MergeRefusal(path, `the object has ${nameOf(target)} here, and the patch ${nameOf(patch)}`);
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a mapping";
  return JSON.stringify(value).slice(0, 100);
}
