import { isDeepStrictEqual } from "node:util";
import { AppError } from "@muster/shared/errors.ts";
import { formatObject, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import { type Fields, isMap } from "./object-fields.ts";

const WORKLOADS = new Set(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]);
/** Names of these are path segments: `system:node` is one. */
const FREE_NAMES = new Set(["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]);

/** What a StatefulSet lets change; Kubernetes names the same list in its refusal. */
const STATEFUL_SET_MUTABLE = new Set([
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
]);

/** The rules of the API server that manifests break most often. Anything else is let through. @throws "invalid". */
export function validate(ref: ObjectRef, object: Fields, live: Fields | null): void {
  const problems = [...namesWrong(ref), ...typesWrong(ref, object), ...workloadWrong(ref, object)];
  const subject = formatObject(ref);
  if (problems.length > 0) throw new AppError("invalid", `${subject}: ${problems.join("; ")}`);
  const fields = live ? immutableFields(ref, object, live) : [];
  if (fields.length === 0) return;
  throw new AppError("invalid", `${subject}: ${fields.map((field) => `field ${field} is immutable`).join("; ")}`, {
    fix: "Restore the old value, or delete the object in the cluster: Muster makes it again as Git says.",
  });
}

function* namesWrong(ref: ObjectRef): Generator<string> {
  if (FREE_NAMES.has(ref.kind) || /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(ref.name))
    return;
  yield `metadata.name: Invalid value: "${ref.name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`;
}

function* typesWrong(ref: ObjectRef, object: Fields): Generator<string> {
  const stringMaps: [string, unknown][] = [
    ["metadata.labels", (object.metadata as Fields).labels],
    ["metadata.annotations", (object.metadata as Fields).annotations],
  ];
  if (ref.kind === "ConfigMap" || ref.kind === "Secret") stringMaps.push(["data", object.data]);
  for (const [field, map] of stringMaps) {
    if (map === undefined) continue;
    if (!isMap(map)) yield `.${field}: expected map, got ${JSON.stringify(map)}`;
    else
      for (const [key, value] of Object.entries(map)) {
        if (typeof value !== "string") yield `.${field}.${key}: expected string, got ${JSON.stringify(value)}`;
      }
  }
}

function* workloadWrong(ref: ObjectRef, object: Fields): Generator<string> {
  if (!WORKLOADS.has(ref.kind)) return;
  const spec = (isMap(object.spec) ? object.spec : {}) as {
    replicas?: unknown;
    selector?: { matchLabels?: Fields };
    template?: { metadata?: { labels?: Fields }; spec?: { containers?: readonly Fields[] } };
  };
  if (spec.replicas !== undefined && typeof spec.replicas !== "number") {
    yield `.spec.replicas: expected numeric (int or float), got ${typeof spec.replicas}`;
  }
  if (!isMap(spec.selector)) yield "spec.selector: Required value";
  const labels = spec.template?.metadata?.labels ?? {};
  for (const [key, value] of Object.entries(spec.selector?.matchLabels ?? {})) {
    if (labels[key] !== value)
      yield "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`";
  }
  const containers = spec.template?.spec?.containers ?? [];
  if (containers.length === 0) yield "spec.template.spec.containers: Required value";
  const names = new Set<unknown>();
  for (const [index, { name, image }] of containers.entries()) {
    if (!image) yield `spec.template.spec.containers[${index}].image: Required value`;
    if (names.has(name))
      yield `.spec.template.spec.containers: duplicate entries for key [name=${JSON.stringify(name)}]`;
    names.add(name);
  }
}

function immutableFields(ref: ObjectRef, object: Fields, live: Fields): string[] {
  const [next, before] = [(object.spec ?? {}) as Fields, (live.spec ?? {}) as Fields];
  const changed = (field: string) => before[field] !== undefined && !isDeepStrictEqual(next[field], before[field]);
  switch (ref.kind) {
    case "Deployment":
    case "DaemonSet":
    case "ReplicaSet":
      return changed("selector") ? ["spec.selector"] : [];
    case "StatefulSet":
      return Object.keys({ ...before, ...next })
        .filter((field) => !STATEFUL_SET_MUTABLE.has(field) && !isDeepStrictEqual(next[field], before[field]))
        .map((field) => `spec.${field}`);
    case "Job":
      return ["template", "selector", "completions"].filter(changed).map((field) => `spec.${field}`);
    case "Service":
      return next.clusterIP !== undefined && changed("clusterIP") ? ["spec.clusterIP"] : [];
    case "PersistentVolumeClaim":
      return ["accessModes", "storageClassName", "volumeName", "selector"]
        .filter(changed)
        .map((field) => `spec.${field}`);
    case "RoleBinding":
    case "ClusterRoleBinding":
      return isDeepStrictEqual(object.roleRef, live.roleRef) ? [] : ["roleRef"];
    case "ConfigMap":
    case "Secret":
      if (live.immutable === true && !isDeepStrictEqual(object.data, live.data)) return ["data"];
      return ref.kind === "Secret" && live.type !== undefined && object.type !== live.type ? ["type"] : [];
    default:
      return [];
  }
}
