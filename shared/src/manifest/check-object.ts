import { type ObjectRef, objectRef } from "../model/object-ref.ts";
import type { Problem, ProblemCode } from "../model/problem.ts";
import type { YamlPath } from "./read-yaml.ts";

/** An object of the Kubernetes API, as far as Muster must know it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | null;
    readonly labels?: Readonly<Record<string, string>> | null;
    readonly annotations?: Readonly<Record<string, string>> | null;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** What is wrong with an object, and at which of its fields. */
export interface ObjectFault {
  readonly code: ProblemCode;
  readonly path: YamlPath;
  readonly message: string;
  readonly fix?: string;
}

export type CheckedObject =
  | { readonly kind: "object"; readonly object: KubernetesObject; readonly ref: ObjectRef }
  | { readonly kind: "faulty"; readonly faults: readonly ObjectFault[] };

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * What the API server demands of every kind, and of no kind more than of another: the schema of a kind is its own
 * knowledge. Finds all faults at once.
 */
export function checkObject(value: unknown): CheckedObject {
  if (!isMapping(value)) {
    return faulty([{ code: "InvalidObject", path: [], message: `this is ${nameOf(value)}, not an object.` }]);
  }
  const faults: ObjectFault[] = [];
  const apiVersion = text(
    value,
    ["apiVersion"],
    "InvalidObject",
    'Begin the object with "apiVersion: v1", or the like.',
  );
  const kind = text(value, ["kind"], "KindMissing", 'Add "kind: Deployment", or whatever the object is.');
  if (!isMapping(value.metadata)) {
    const isThere = value.metadata !== undefined && value.metadata !== null;
    faults.push({
      code: isThere ? "InvalidObject" : "NameMissing",
      path: isThere ? ["metadata"] : [],
      message: isThere ? `"metadata" is ${nameOf(value.metadata)}, not a mapping.` : '"metadata.name" is missing.',
      fix: 'Add "metadata:" with a "name:" below it.',
    });
    return faulty(faults);
  }
  const name = checkName(value.metadata);
  const namespace = checkNamespace(value.metadata);
  checkTexts(value.metadata, "labels");
  checkTexts(value.metadata, "annotations");
  if (faults.length > 0) return faulty(faults);

  const ref = objectRef.safeParse({ apiVersion, kind, namespace, name });
  if (!ref.success) {
    const issue = ref.error.issues[0];
    const field = String(issue?.path[0] ?? "");
    const path = field === "name" || field === "namespace" ? ["metadata", field] : [field];
    return faulty([{ code: "InvalidObject", path, message: `"${path.join(".")}" is too long.` }]);
  }
  return { kind: "object", object: value as unknown as KubernetesObject, ref: ref.data };

  function text(from: Record<string, unknown>, path: string[], missing: ProblemCode, fix: string): string {
    const field = path.join(".");
    const found = from[path.at(-1) as string];
    if (found === undefined || found === null || found === "") {
      const isWritten = found !== undefined;
      faults.push({
        code: missing,
        path: isWritten ? path : path.slice(0, -1),
        message: `"${field}" is ${isWritten ? "empty" : "missing"}.`,
        fix,
      });
    } else if (typeof found !== "string") {
      faults.push({
        code: "InvalidObject",
        path,
        message: `"${field}" is ${nameOf(found)}, not text.`,
        fix: "Put it in quotes.",
      });
    } else {
      return found;
    }
    return "";
  }

  function checkName(metadata: Record<string, unknown>): string {
    if (!metadata.name && metadata.generateName) {
      faults.push({
        code: "NameMissing",
        path: ["metadata", "generateName"],
        message: '"metadata.generateName" makes a new object at every apply, so it cannot be kept in step with Git.',
        fix: 'Give the object a fixed "metadata.name".',
      });
      return "";
    }
    const name = text(metadata, ["metadata", "name"], "NameMissing", 'Add "name:" below "metadata:".');
    // Some kinds allow more than others (RBAC allows "system:node"); none allows what would break a URL path.
    if (name === "." || name === ".." || /[/%]|\s/.test(name)) {
      faults.push({
        code: "InvalidObject",
        path: ["metadata", "name"],
        message: `"metadata.name" is ${JSON.stringify(name.slice(0, 80))}, which no kind allows.`,
        fix: "Use lower-case letters, digits, '-' and '.'.",
      });
    }
    return name;
  }

  function checkNamespace(metadata: Record<string, unknown>): string {
    const { namespace } = metadata;
    if (namespace === undefined || namespace === null || namespace === "") return "";
    if (typeof namespace === "string" && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace)) return namespace;
    const isText = typeof namespace === "string";
    faults.push({
      code: "InvalidObject",
      path: ["metadata", "namespace"],
      message: isText
        ? `"metadata.namespace" is ${JSON.stringify(namespace.slice(0, 80))}, which is no name of a namespace.`
        : `"metadata.namespace" is ${nameOf(namespace)}, not text.`,
      fix: isText ? "Use lower-case letters, digits and '-', at most 63 characters." : "Put it in quotes.",
    });
    return "";
  }

  function checkTexts(metadata: Record<string, unknown>, field: "labels" | "annotations"): void {
    const texts = metadata[field];
    if (texts === undefined || texts === null) return;
    if (!isMapping(texts)) {
      const message = `"metadata.${field}" is ${nameOf(texts)}, not a mapping.`;
      faults.push({ code: "InvalidObject", path: ["metadata", field], message });
      return;
    }
    for (const [key, found] of Object.entries(texts)) {
      if (typeof found === "string" || found === null) continue;
      faults.push({
        code: "InvalidObject",
        path: ["metadata", field, key],
        message: `the ${field.slice(0, -1)} ${key.slice(0, 120)} is ${nameOf(found)}, not text.`,
        fix: "Put the value in quotes.",
      });
    }
  }
}

const faulty = (faults: readonly ObjectFault[]): CheckedObject => ({ kind: "faulty", faults });

/** `a number (5)`: what YAML made of it, which is often not what was meant. */
function nameOf(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return "a text";
  return `a ${typeof value === "boolean" ? "truth value" : "number"} (${String(value)})`;
}

/** A problem of this object for people, without its place. */
export const problemOf = (fault: ObjectFault): Omit<Problem, "where"> => ({
  code: fault.code,
  message: fault.message.slice(0, 2_000),
  ...(fault.fix === undefined ? {} : { fix: fault.fix }),
});
