/**
 * Which fields somebody owns, as `metadata.managedFields` says it. A path's elements are in its notation: `f:spec`,
 * `k:{"name":"web"}` for an item of a keyed list, `v:"x"` for a value of a set.
 */
export type FieldPath = readonly string[];

const SEPARATOR = "\u0000";

export class FieldSet {
  readonly #paths = new Map<string, FieldPath>();

  constructor(paths: Iterable<FieldPath> = []) {
    for (const path of paths) this.add(path);
  }

  get size(): number {
    return this.#paths.size;
  }

  add(path: FieldPath): void {
    this.#paths.set(path.join(SEPARATOR), path);
  }

  has(path: FieldPath): boolean {
    return this.#paths.has(path.join(SEPARATOR));
  }

  /** Whether it has the path itself or anything below it. */
  reaches(path: FieldPath): boolean {
    if (this.has(path)) return true;
    const prefix = path.join(SEPARATOR) + SEPARATOR;
    return [...this.#paths.keys()].some((key) => key.startsWith(prefix));
  }

  without(refuses: (path: FieldPath) => boolean): FieldSet {
    return new FieldSet([...this].filter((path) => !refuses(path)));
  }

  [Symbol.iterator](): IterableIterator<FieldPath> {
    return this.#paths.values();
  }
}

interface FieldsV1 {
  [element: string]: FieldsV1;
}

export function toFieldsV1(set: FieldSet): FieldsV1 {
  const root: FieldsV1 = {};
  for (const path of set) {
    let node = root;
    for (const element of path) {
      node[element] ??= {};
      node = node[element];
    }
    // "." says that the field itself is owned, where that is not clear from its having no children.
    node["."] = {};
  }
  return dropRedundantDots(root);
}

function dropRedundantDots(node: FieldsV1): FieldsV1 {
  const entries = Object.entries(node);
  if (entries.length === 1 && entries[0]?.[0] === ".") return {};
  return Object.fromEntries(
    entries.map(([element, child]) => [element, element === "." ? {} : dropRedundantDots(child)]),
  );
}

export function fromFieldsV1(fields: unknown): FieldSet {
  const set = new FieldSet();
  const visit = (node: FieldsV1, path: FieldPath) => {
    const elements = Object.keys(node);
    if (path.length > 0 && (elements.length === 0 || "." in node)) set.add(path);
    for (const element of elements) if (element !== ".") visit(node[element] as FieldsV1, [...path, element]);
  };
  visit((fields ?? {}) as FieldsV1, []);
  return set;
}

/** For people, as the API server prints it: `.spec.containers[name="web"].image`. */
export const formatPath = (path: FieldPath): string => path.map(formatElement).join("");

function formatElement(element: string): string {
  const value = element.slice(2);
  if (element.startsWith("f:")) return `.${value}`;
  if (element.startsWith("v:")) return `[=${value}]`;
  const keys = Object.entries(JSON.parse(value) as Record<string, unknown>);
  return `[${keys.map(([key, item]) => `${key}=${JSON.stringify(item)}`).join(",")}]`;
}
