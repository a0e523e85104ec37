import { applyOrder } from "@muster/agent/core/order.ts";
import { BUNDLE_LIMITS } from "@muster/hub/ports/bundler.ts";
import { decodeBundle } from "@muster/shared/manifest/bundle.ts";
import { stringify } from "yaml";

type Fields = Readonly<Record<string, unknown>>;

/** The objects of a bundle, in the order in which an agent applies them. */
export function readObjects(compressed: Uint8Array): readonly Fields[] {
  const { objects } = decodeBundle(compressed, { bytesMax: BUNDLE_LIMITS.bundleBytesMax });
  return applyOrder(objects)
    .flat()
    .map(({ json }) => JSON.parse(json) as Fields);
}

/**
 * As `kubectl` reads them: documents of YAML, or one `List` of JSON. Nothing in them is changed, and control characters
 * are escaped as both formats allow.
 */
export function manifestsText(objects: readonly Fields[], format: "yaml" | "json"): string {
  const shown = objects.map(forPeople);
  if (format === "json") {
    return `${escapeControl(JSON.stringify({ apiVersion: "v1", kind: "List", items: shown }, null, 2), "\\u00")}\n`;
  }
  return shown.map((object) => `---\n${yamlText(object)}`).join("");
}

/** Words that YAML 1.1 or 1.2 takes for booleans and numbers are quoted: Kubernetes reads some of either. */
const yamlText = (object: Fields): string =>
  escapeControl(
    stringify(object, { version: "1.1", compat: "core", lineWidth: 0, aliasDuplicateObjects: false }),
    "\\x",
  );

/** Those that are left stand between double quotes, in both formats. */
const escapeControl = (text: string, prefix: string): string =>
  text.replace(/[\u007f-\u009f]/g, (character) => `${prefix}${character.charCodeAt(0).toString(16)}`);

/** What it is and what it is called first; the rest as it comes. */
function forPeople(object: Fields): Fields {
  const { metadata } = object;
  const isFields = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  return {
    ...pick(object, ["apiVersion", "kind"]),
    ...(isFields ? { metadata: { ...pick(metadata as Fields, ["name", "namespace"]), ...metadata } } : {}),
    ...without(object, ["apiVersion", "kind", ...(isFields ? ["metadata"] : [])]),
  };
}

const pick = (object: Fields, keys: readonly string[]): Fields =>
  Object.fromEntries(keys.filter((key) => Object.hasOwn(object, key)).map((key) => [key, object[key]]));

const without = (object: Fields, keys: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
