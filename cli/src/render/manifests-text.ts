import { applyOrder } from "@muster/agent/core/order.ts";
import { BUNDLE_BYTES_CEILING } from "@muster/hub/ports/bundler.ts";
import { decodeBundle } from "@muster/shared/manifest/bundle.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { stringify } from "yaml";

export type Fields = Readonly<Record<string, unknown>>;

export interface ReadObject {
  readonly ref: ObjectRef;
  readonly object: Fields;
}

/** The objects of a bundle, in the order in which an agent applies them. @throws AppError as `decodeBundle`. */
export function readObjects(compressed: Uint8Array, expected?: Digest): readonly ReadObject[] {
  const opts = { bytesMax: BUNDLE_BYTES_CEILING, ...(expected === undefined ? {} : { expected }) };
  const { objects } = decodeBundle(compressed, opts);
  return applyOrder(objects)
    .flat()
    .map(({ ref, json }) => ({ ref, object: JSON.parse(json) as Fields }));
}

/**
 * As `kubectl` reads them: documents of YAML, or one `List` of JSON. Nothing in them is changed, and control characters
 * are escaped as both formats allow.
 */
export function manifestsText(objects: readonly ReadObject[], format: "yaml" | "json"): string {
  const shown = objects.map(({ object }) => forPeople(object));
  if (format === "json") {
    return `${escapeControl(JSON.stringify({ apiVersion: "v1", kind: "List", items: shown }, null, 2), "\\u00")}\n`;
  }
  return shown.map((object) => `---\n${toYaml(object)}`).join("");
}

/** One object as a document, with what it is and what it is called first. */
export const yamlText = (object: Fields): string => toYaml(forPeople(object));

/** Words that YAML 1.1 or 1.2 takes for booleans and numbers are quoted: Kubernetes reads some of either. */
const toYaml = (object: Fields): string =>
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
