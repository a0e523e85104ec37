import { isObject, type JsonObject, type Live } from "./live.ts";
import { type FieldPath, type ListShape, listShapeAt, otherManagerOf, ownFields, ownsField } from "./managed-fields.ts";
import { isSameQuantity } from "./quantity.ts";

/** One managed field whose value in the cluster is not the bundle's. Texts are cut to 500, and masked for Secrets. */
export interface FieldDrift {
  /** For people: `spec.template.spec.containers[web].image`. */
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  /** The field manager that has it now, where the API server says so. */
  readonly manager?: string;
}

const driftsMax = 20;
const textMax = 500;
const masked = "(masked)";

/** Identity, status and what the API server keeps for itself are nobody's drift. */
const unmanagedRoots: ReadonlySet<string> = new Set(["apiVersion", "kind", "status"]);
const unmanagedMetadata: ReadonlySet<string> = new Set([
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "managedFields",
  "generateName",
  "selfLink",
]);

/**
 * Compares what the bundle wants with a live object, by what Muster manages: only fields that the bundle states.
 * Fields that others add, defaults, and other spellings of one value are no drift. At most 20 are told.
 */
export function findDrift(desired: JsonObject, live: Live): readonly FieldDrift[] {
  const isSecret = live.kind === "Secret" && live.apiVersion === "v1";
  const fields = ownFields(live);
  const found: FieldDrift[] = [];
  compare(
    desired,
    live,
    [],
    [],
    { live, isPlainText: live.apiVersion === "v1" && ["ConfigMap", "Secret"].includes(live.kind) },
    (difference) => {
      if (found.length >= driftsMax) return;
      // Still ours by the API server's own record: it, or a webhook at our apply, wrote our value in its own way.
      if (fields !== null && ownsField(fields, difference.path)) return;
      const manager = otherManagerOf(live, difference.path)?.manager;
      const hide = isSecret && (difference.path[0] === "f:data" || difference.path[0] === "f:stringData");
      found.push({
        field: difference.label.join("").replace(/^\./, ""),
        expected: hide ? masked : show(difference.expected),
        found: difference.found === undefined ? "(absent)" : hide ? masked : show(difference.found),
        ...(manager === undefined ? {} : { manager }),
      });
    },
  );
  return found;
}

interface Difference {
  readonly path: FieldPath;
  readonly label: readonly string[];
  readonly expected: unknown;
  readonly found: unknown;
}

interface Context {
  readonly live: Live;
  /** Inside this object every text is itself, never a quantity. */
  readonly isPlainText: boolean;
}

function compare(
  expected: unknown,
  found: unknown,
  path: FieldPath,
  label: readonly string[],
  context: Context,
  tell: (difference: Difference) => void,
): void {
  if (expected === null || expected === undefined) return; // null asks for the default
  if (isObject(expected)) {
    if (found !== undefined && !isObject(found)) {
      tell({ path, label, expected, found });
      return;
    }
    for (const [key, value] of Object.entries(expected)) {
      if (path.length === 0 && unmanagedRoots.has(key)) continue;
      if (path.length === 1 && path[0] === "f:metadata" && unmanagedMetadata.has(key)) continue;
      const next = isObject(found) ? found[key] : undefined;
      compare(value, next, [...path, `f:${key}`], [...label, fieldLabel(key)], contextOf(key, path, context), tell);
    }
    return;
  }
  if (Array.isArray(expected)) compareLists(expected, found, path, label, context, tell);
  else if (!isSameScalar(expected, found, context)) tell({ path, label, expected, found });
}

function compareLists(
  expected: readonly unknown[],
  found: unknown,
  path: FieldPath,
  label: readonly string[],
  context: Context,
  tell: (difference: Difference) => void,
): void {
  if (expected.length === 0) return; // an empty list and none at all are stored alike
  if (!Array.isArray(found)) {
    tell({ path, label, expected, found });
    return;
  }
  const shape = listShapeAt(context.live, path) ?? shapeByName(path, expected);
  if (shape.kind === "keyed" && expected.every(isObject)) {
    const { keys } = shape;
    for (const item of expected as readonly JsonObject[]) {
      const other = found.find(
        (candidate) => isObject(candidate) && keys.every((key) => sameKey(key, item, candidate)),
      );
      const step = keyStep(keys, item, isObject(other) ? other : item);
      const itemLabel = `[${keys
        .map((key) => String(item[key] ?? ""))
        .filter(Boolean)
        .join("/")}]`;
      if (other === undefined)
        tell({ path: [...path, step], label: [...label, itemLabel], expected: item, found: undefined });
      else compare(item, other, [...path, step], [...label, itemLabel], context, tell);
    }
    return;
  }
  if (shape.kind === "set") {
    for (const item of expected) {
      if (found.includes(item)) continue;
      tell({ path: [...path, `v:${JSON.stringify(item)}`], label, expected: item, found: undefined });
    }
    return;
  }
  // An atomic list is one value: the first difference inside it is one of the whole.
  let differs = expected.length !== found.length;
  for (let i = 0; i < expected.length && !differs; i++) {
    compare(expected[i], found[i], [...path, `i:${i}`], [], context, () => {
      differs = true;
    });
  }
  if (differs) tell({ path, label, expected, found });
}

/** The lists of Kubernetes' own types whose items have an identity, by the list's name: their merge keys. */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ["name"],
  initContainers: ["name"],
  ephemeralContainers: ["name"],
  volumes: ["name"],
  env: ["name"],
  imagePullSecrets: ["name"],
  secrets: ["name"],
  volumeMounts: ["mountPath"],
  volumeDevices: ["devicePath"],
  hostAliases: ["ip"],
  conditions: ["type"],
  ownerReferences: ["uid"],
  topologySpreadConstraints: ["topologyKey", "whenUnsatisfiable"],
  readinessGates: ["conditionType"],
  resourceClaims: ["name"],
  webhooks: ["name"],
};
/** Ports of a container, then ports of a Service. */
const portKeys: readonly (readonly string[])[] = [
  ["containerPort", "protocol"],
  ["port", "protocol"],
];
const keyDefaults: Readonly<Record<string, unknown>> = { protocol: "TCP" };

/** Where the API server's record says nothing of the list. */
function shapeByName(path: FieldPath, items: readonly unknown[]): ListShape {
  const list = (path.at(-1) ?? "").slice("f:".length);
  if (list === "finalizers") return { kind: "set" };
  const candidates = list === "ports" ? portKeys : mergeKeys[list] ? [mergeKeys[list]] : [];
  const keys = candidates.find((some) =>
    items.every((item) => isObject(item) && some.every((key) => key in item || key in keyDefaults)),
  );
  return keys === undefined ? { kind: "atomic" } : { kind: "keyed", keys };
}

const sameKey = (key: string, a: JsonObject, b: JsonObject): boolean =>
  (a[key] ?? keyDefaults[key]) === (b[key] ?? keyDefaults[key]);

/** `k:{"containerPort":80,"protocol":"TCP"}`, with sorted keys, as managedFields writes it. */
const keyStep = (keys: readonly string[], item: JsonObject, other: JsonObject): string =>
  `k:${JSON.stringify(Object.fromEntries(keys.toSorted().map((key) => [key, item[key] ?? other[key] ?? keyDefaults[key]])))}`;

function contextOf(key: string, path: FieldPath, context: Context): Context {
  if (context.isPlainText) return context;
  const isText =
    (path[0] === "f:metadata" && (key === "labels" || key === "annotations")) ||
    key === "env" ||
    key === "args" ||
    key === "command" ||
    key === "matchLabels";
  return isText ? { ...context, isPlainText: true } : context;
}

function isSameScalar(expected: unknown, found: unknown, context: Context): boolean {
  if (expected === found) return true;
  // An empty text, zero and false are what an API server leaves out when it stores Go's zero values.
  if (found === undefined || found === null) return expected === "" || expected === 0 || expected === false;
  // The API server writes a quantity without a fraction: 1.5 is 1500m. What has one is something else, as a version is.
  if (context.isPlainText || String(found).includes(".")) return false;
  return isSameQuantity(expected, found);
}

const fieldLabel = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? `.${key}` : `[${key}]`);

function show(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "(absent)");
  return text.length <= textMax ? text : `${text.slice(0, textMax - 1)}…`;
}
