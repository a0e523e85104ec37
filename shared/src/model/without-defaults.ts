import { stableJson } from "../stable-json.ts";
import type { Definition } from "./definitions.ts";
import { parseDefinition } from "./parse-definition.ts";

/** A definition as a person would write it: without the fields that would be filled in as they are anyway. */
export function withoutDefaults(definition: Definition): object {
  const wanted = stableJson(definition);
  const means = (value: unknown): boolean => {
    const parsed = parseDefinition(value);
    return parsed.kind === "valid" && stableJson(parsed.definition) === wanted;
  };
  const shortened = structuredClone(definition) as unknown as Record<string, unknown>;
  // What stands for all or nothing is tried first: most of an App's fields go with their parents.
  const shorten = (node: Record<string, unknown>): void => {
    for (const [key, value] of Object.entries(node)) {
      delete node[key];
      if (means(shortened)) continue;
      node[key] = value;
      if (typeof value !== "object" || value === null) continue;
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child === "object" && child !== null && !Array.isArray(child)) shorten(child);
      }
    }
  };
  shorten(shortened);
  return inOrder(shortened, definition) as object;
}

/** Keys that were taken out and put back stand last: here they stand as they did. */
function inOrder(value: unknown, like: unknown): unknown {
  if (Array.isArray(value)) return value.map((item, index) => inOrder(item, Array.isArray(like) ? like[index] : null));
  if (typeof value !== "object" || value === null || typeof like !== "object" || like === null) return value;
  const given = value as Record<string, unknown>;
  const order = like as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(order).flatMap((key) => (Object.hasOwn(given, key) ? [[key, inOrder(given[key], order[key])]] : [])),
  );
}
