import type { FieldPath } from "./field-set.ts";

/**
 * How server-side apply treats a field: a list is merged item by item where its items have keys, a set is merged
 * value by value, and what is atomic changes as a whole. Taken from the markers in Kubernetes' own API types, for the
 * fields that manifests use; every list of a custom resource is atomic unless its schema says otherwise.
 */
export type ListShape =
  | { readonly kind: "keyed"; readonly keys: readonly string[] }
  | { readonly kind: "set" }
  | { readonly kind: "atomic" };

const KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ["name"],
  initContainers: ["name"],
  ephemeralContainers: ["name"],
  env: ["name"],
  volumes: ["name"],
  volumeMounts: ["mountPath"],
  volumeDevices: ["devicePath"],
  imagePullSecrets: ["name"],
  hostAliases: ["ip"],
  topologySpreadConstraints: ["topologyKey", "whenUnsatisfiable"],
  resourceClaims: ["name"],
  webhooks: ["name"],
  conditions: ["type"],
  secrets: ["name"],
};
const ATOMIC_MAPS = new Set([
  "f:selector",
  "f:nodeSelector",
  "f:labelSelector",
  "f:fieldRef",
  "f:secretKeyRef",
  "f:configMapKeyRef",
  "f:resourceFieldRef",
]);
const atomic = { kind: "atomic" } as const;

export function listShape(path: FieldPath, isBuiltIn: boolean): ListShape {
  const field = (path.at(-1) ?? "").slice(2);
  if (path[0] === "f:metadata") {
    if (field === "finalizers") return { kind: "set" };
    if (field === "ownerReferences") return { kind: "keyed", keys: ["uid"] };
  }
  if (!isBuiltIn) return atomic;
  if (field === "ports") {
    const port = path.some((element) => /ontainers$/.test(element)) ? "containerPort" : "port";
    return { kind: "keyed", keys: [port, "protocol"] };
  }
  const keys = KEYS[field];
  return keys ? { kind: "keyed", keys } : atomic;
}

export const isAtomicMap = (path: FieldPath, isBuiltIn: boolean): boolean =>
  isBuiltIn && path.length > 1 && ATOMIC_MAPS.has(path.at(-1) ?? "");

/** `k:{"name":"web"}`; undefined for an item that lacks its keys, so that its list can only be atomic. */
export function itemKey(item: unknown, keys: readonly string[]): string | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const values = keys.map((key) => (item as Record<string, unknown>)[key] ?? (key === "protocol" ? "TCP" : undefined));
  if (values.includes(undefined)) return undefined;
  return `k:${JSON.stringify(Object.fromEntries(keys.map((key, index) => [key, values[index]])))}`;
}

/** The elements of a list's items in order, or undefined where the list is atomic. @throws on a key said twice. */
export function itemElements(list: readonly unknown[], path: FieldPath, isBuiltIn: boolean): string[] | undefined {
  const shape = listShape(path, isBuiltIn);
  if (shape.kind === "atomic") return undefined;
  if (shape.kind === "set") return list.map((value) => `v:${JSON.stringify(value)}`);
  const elements: string[] = [];
  for (const item of list) {
    const element = itemKey(item, shape.keys);
    if (element === undefined) return undefined;
    elements.push(element);
  }
  return elements;
}
