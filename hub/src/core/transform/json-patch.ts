import type { JsonPatchOperation } from "./bundle-transform.ts";

/**
 * JSON patch (RFC 6902) to the letter: what is not there cannot be removed, replaced or moved, an index is an index, and
 * a failing `test` fails the patch. The libraries at hand are laxer, change what they are given, or look at inherited
 * properties; and none says which part of a path is missing.
 */
export type JsonPatched =
  | { readonly kind: "patched"; readonly value: unknown }
  /** `operation` is the index of the one that failed; nothing was changed. `reason` continues a sentence. */
  | { readonly kind: "failed"; readonly operation: number; readonly reason: string };

/** The value after all operations. Never changes what it is given; what stays the same is shared. */
export function applyJsonPatch(value: unknown, operations: readonly JsonPatchOperation[]): JsonPatched {
  let current = value;
  for (const [index, operation] of operations.entries()) {
    try {
      current = apply(current, operation);
    } catch (error) {
      if (error instanceof Refusal) return { kind: "failed", operation: index, reason: error.message };
      throw error;
    }
  }
  return { kind: "patched", value: current };
}

class Refusal extends Error {}

function apply(document: unknown, operation: JsonPatchOperation): unknown {
  const path = parsePointer(operation.path, "path");
  switch (operation.op) {
    case "add":
      return add(document, path, valueIn(operation));
    case "remove":
      return remove(document, path);
    case "replace":
      return replace(document, path, valueIn(operation));
    case "move": {
      const from = parsePointer(operation.from, "from");
      if (path.length > from.length && from.every((token, index) => token === path[index])) {
        throw new Refusal(`a value cannot be moved into itself (from ${show(from)})`);
      }
      return add(remove(document, from), path, get(document, from));
    }
    case "copy":
      return add(document, path, get(document, parsePointer(operation.from, "from")));
    case "test":
      if (!isEqual(get(document, path), valueIn(operation))) {
        throw new Refusal(`there is ${showValue(get(document, path))}, not ${showValue(valueIn(operation))}`);
      }
      return document;
    default:
      throw new Refusal(`"op" is ${showValue((operation as { op: unknown }).op)}, which is no operation`);
  }
}

function valueIn(operation: JsonPatchOperation): unknown {
  if (!Object.hasOwn(operation, "value") || operation.value === undefined) {
    throw new Refusal('"value" is missing');
  }
  return operation.value;
}

type Pointer = readonly string[];

function parsePointer(pointer: unknown, field: "path" | "from"): Pointer {
  if (typeof pointer !== "string") throw new Refusal(`"${field}" is missing`);
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw new Refusal(`"${field}" must begin with "/"`);
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

const show = (path: Pointer): string =>
  path.length === 0
    ? "the object itself"
    : path.map((token) => `/${token.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

function get(document: unknown, path: Pointer): unknown {
  let value = document;
  for (const [depth, token] of path.entries()) {
    if (!has(value, token)) throw missing(path, depth, value);
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}

const add = (document: unknown, path: Pointer, value: unknown): unknown =>
  change(document, path, 0, (parent, token) => {
    if (!Array.isArray(parent)) return withKey(parent, token, value);
    const index = token === "-" ? parent.length : indexOf(token);
    if (index === null || index > parent.length) throw missing(path, path.length - 1, parent);
    return parent.toSpliced(index, 0, value);
  }) ?? value;

const replace = (document: unknown, path: Pointer, value: unknown): unknown =>
  change(document, path, 0, (parent, token) => {
    if (!has(parent, token)) throw missing(path, path.length - 1, parent);
    return Array.isArray(parent) ? parent.with(Number(token), value) : withKey(parent, token, value);
  }) ?? value;

const remove = (document: unknown, path: Pointer): unknown =>
  change(document, path, 0, (parent, token) => {
    if (!has(parent, token)) throw missing(path, path.length - 1, parent);
    if (Array.isArray(parent)) return parent.toSpliced(Number(token), 1);
    return Object.fromEntries(Object.entries(parent).filter(([key]) => key !== token));
  }) ?? null;

type Container = readonly unknown[] | Readonly<Record<string, unknown>>;

/** `node` with the container at the end of `path` changed, copied only along the path; undefined for the root itself. */
function change(
  node: unknown,
  path: Pointer,
  depth: number,
  edit: (parent: Container, token: string) => Container,
): Container | undefined {
  if (depth === path.length) return undefined;
  const token = path[depth] as string;
  if (typeof node !== "object" || node === null) throw missing(path, depth, node);
  if (depth === path.length - 1) return edit(node as Container, token);
  if (!has(node, token)) throw missing(path, depth, node);
  const child = change((node as Record<string, unknown>)[token], path, depth + 1, edit);
  return Array.isArray(node) ? node.with(Number(token), child) : withKey(node as Container, token, child);
}

/** In the place that it has, or at the end. A key of any name is only a key. */
function withKey(mapping: Container, key: string, value: unknown): Container {
  const entries = Object.entries(mapping);
  const at = entries.findIndex(([each]) => each === key);
  return Object.fromEntries(at < 0 ? [...entries, [key, value]] : entries.with(at, [key, value]));
}

function has(value: unknown, token: string): boolean {
  if (Array.isArray(value)) {
    const index = indexOf(token);
    return index !== null && index < value.length;
  }
  return typeof value === "object" && value !== null && Object.hasOwn(value, token);
}

const indexOf = (token: string): number | null => (/^(?:0|[1-9][0-9]{0,8})$/.test(token) ? Number(token) : null);

const KEYS_SHOWN = 12;

function missing(path: Pointer, depth: number, parent: unknown): Refusal {
  const at = show(path.slice(0, depth));
  const token = JSON.stringify((path[depth] as string).slice(0, 120));
  if (Array.isArray(parent)) {
    const holds = `${at} holds ${parent.length === 1 ? "1 item" : `${parent.length} items`}`;
    const what = indexOf(path[depth] as string) === null ? `${token} is no index of a list` : `there is no ${token}`;
    return new Refusal(`${what}: ${holds}`);
  }
  if (typeof parent !== "object" || parent === null) return new Refusal(`${at} is ${showValue(parent)}, not a mapping`);
  const keys = Object.keys(parent);
  const shown = keys
    .slice(0, KEYS_SHOWN)
    .map((key) => key.slice(0, 60))
    .join(", ");
  const holds = keys.length === 0 ? "is empty" : `has ${shown}${keys.length > KEYS_SHOWN ? ", …" : ""}`;
  return new Refusal(`there is no ${token}: ${at} ${holds}`);
}

function showValue(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

export function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(
      (key) =>
        Object.hasOwn(b, key) && isEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  );
}
