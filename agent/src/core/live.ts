/**
 * A live object: the part of the Kubernetes shape that every kind has, and anything else unread.
 */
export interface Live {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly managedFields?: readonly ManagedFields[];
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** One field manager's share of an object, as the API server records it. */
export interface ManagedFields {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion?: string;
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsV1?: unknown;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The object at a path, or an empty one: API servers leave out what is empty. */
export function objectAt(root: unknown, ...path: readonly string[]): JsonObject {
  let value: unknown = root;
  for (const key of path) value = isObject(value) ? value[key] : undefined;
  return isObject(value) ? value : {};
}

export function listAt(root: unknown, ...path: readonly string[]): readonly unknown[] {
  const value = objectAt(root, ...path.slice(0, -1))[path.at(-1) ?? ""];
  return Array.isArray(value) ? value : [];
}

export const numberOr = (value: unknown, fallback: number): number => (typeof value === "number" ? value : fallback);
export const textOr = (value: unknown, fallback: string): string => (typeof value === "string" ? value : fallback);

/**
 * Whether `candidate` is an older state of the same object than `known`. Resource versions are opaque by contract but
 * decimal counters in every real API server; what is not decimal is never called older.
 */
export function isOlderVersion(candidate: string, known: string): boolean {
  if (!/^\d+$/.test(candidate) || !/^\d+$/.test(known)) return false;
  return candidate.length === known.length ? candidate < known : candidate.length < known.length;
}
