import { checkObject, type KubernetesObject, problemOf } from "@muster/shared/manifest/check-object.ts";
import type { Manifest } from "@muster/shared/manifest/parse.ts";
import { formatObject, groupOf, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { isMapping, type Mapping } from "./merge-lists.ts";
import { type NameReference, nameReferencesOf } from "./name-references.ts";
import type { Transformed } from "./transform-objects.ts";

const groupKind = ({ apiVersion, kind }: Pick<ObjectRef, "apiVersion" | "kind">): string =>
  `${groupOf(apiVersion)}/${kind}`;

/** Their names mean something elsewhere. */
const NEVER = new Set([
  "/Namespace",
  "apiextensions.k8s.io/CustomResourceDefinition",
  "apiregistration.k8s.io/APIService",
]);

/** Kinds without a namespace, as far as they name others or are named: from and to them, namespaces do not matter. */
const CLUSTER_WIDE = new Set([
  ...NEVER,
  "/PersistentVolume",
  "admissionregistration.k8s.io/MutatingWebhookConfiguration",
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
  "gateway.networking.k8s.io/GatewayClass",
  "networking.k8s.io/IngressClass",
  "node.k8s.io/RuntimeClass",
  "rbac.authorization.k8s.io/ClusterRole",
  "rbac.authorization.k8s.io/ClusterRoleBinding",
  "scheduling.k8s.io/PriorityClass",
  "storage.k8s.io/StorageClass",
]);

/**
 * A prefix before the name of every object, and wherever another object of the same bundle names it. What is named but
 * is not in the bundle keeps its name. `defaultNamespace` is that of objects which name none.
 */
export function prefixNames(manifests: readonly Manifest[], prefix: string, defaultNamespace: string): Transformed {
  if (prefix === "") return { manifests, problems: [] };
  const names = new NameIndex(manifests, defaultNamespace);
  const problems: Problem[] = [];
  const known = new Map<string, readonly NameReference[]>();
  const renamed = manifests.map((manifest) => {
    const { ref, place } = manifest;
    let object: Mapping = manifest.object;
    const own = { kind: groupKind(ref), namespace: ref.namespace || defaultNamespace };
    for (const reference of referencesOf(own.kind)) object = follow(object, reference, own) as Mapping;
    if (!NEVER.has(own.kind)) {
      object = { ...object, metadata: { ...(object.metadata as Mapping), name: prefix + ref.name } };
    }
    if (object === manifest.object) return manifest;
    const result = checkObject(object);
    if (result.kind === "object") return { object: object as unknown as KubernetesObject, ref: result.ref, place };
    for (const fault of result.faults) {
      const message = `with the prefix ${JSON.stringify(prefix)}, ${formatObject(ref)}: ${problemOf(fault).message}`;
      const where = { ...place, object: ref, field: fault.path.join(".") };
      problems.push({ code: fault.code, message: message.slice(0, 2_000), where, fix: "Use another prefix." });
    }
    return manifest;
  });
  return { manifests: renamed, problems: problems.slice(0, 20) };

  function referencesOf(kind: string): readonly NameReference[] {
    const references = known.get(kind) ?? nameReferencesOf(kind);
    known.set(kind, references);
    return references;
  }

  /** The object with this reference renamed; the very same one where there is nothing to do. */
  function follow(node: unknown, { path, ...reference }: NameReference, own: Referrer, depth = 0): unknown {
    if (Array.isArray(node)) {
      const items = node.map((item) => follow(item, { path, ...reference }, own, depth));
      return items.every((item, index) => item === node[index]) ? node : items;
    }
    if (!isMapping(node)) return node;
    const key = path[depth];
    if (key === undefined) return renameIn(node, reference, own);
    if (!Object.hasOwn(node, key)) return node;
    const after = follow(node[key], { path, ...reference }, own, depth + 1);
    return after === node[key] ? node : { ...node, [key]: after };
  }

  function renameIn(node: Mapping, { field, to, toUnless }: Omit<NameReference, "path">, own: Referrer): Mapping {
    const name = Object.hasOwn(node, field) ? node[field] : undefined;
    if (Array.isArray(name)) {
      const all = name.map((each) => (names.isResource(node, each, own) ? prefix + each : each));
      return all.every((each, index) => each === name[index]) ? node : { ...node, [field]: all };
    }
    if (typeof name !== "string") return node;
    const kind = to ?? kindIn(node, toUnless);
    const namespace = typeof node.namespace === "string" ? node.namespace : null;
    return kind !== null && names.has(kind, name, namespace, own) ? { ...node, [field]: prefix + name } : node;
  }
}

interface Referrer {
  readonly kind: string;
  readonly namespace: string;
}

/** `group/Kind` as a reference says it (`kind` with `apiVersion`, `apiGroup` or `group`); `*` for an unsaid group. */
function kindIn({ kind, apiVersion, apiGroup, group }: Mapping, unless: string | undefined): string | null {
  if (typeof kind !== "string") return unless ?? null;
  if (typeof apiVersion === "string") return `${groupOf(apiVersion)}/${kind}`;
  const said = apiGroup ?? group;
  return typeof said === "string" ? `${said}/${kind}` : `*/${kind}`;
}

/** Which names the objects of a bundle have, before they are renamed. */
class NameIndex {
  readonly #namespaces = new Map<string, Set<string>>();
  readonly #kindsOfPlural = new Map<string, Set<string>>();

  constructor(manifests: readonly Manifest[], defaultNamespace: string) {
    for (const { ref } of manifests) {
      const kind = groupKind(ref);
      if (NEVER.has(kind)) continue;
      for (const key of [`${kind}/${ref.name}`, `*/${ref.kind}/${ref.name}`]) {
        addTo(this.#namespaces, key, ref.namespace || defaultNamespace);
      }
      addTo(this.#kindsOfPlural, pluralOf(ref.kind), kind);
    }
  }

  /** `namespace` is what the reference itself says. */
  has(kind: string, name: string, namespace: string | null, from: Referrer): boolean {
    const namespaces = this.#namespaces.get(`${kind}/${name}`);
    if (namespaces === undefined) return false;
    if (CLUSTER_WIDE.has(kind)) return true;
    if (namespace !== null) return namespaces.has(namespace);
    return CLUSTER_WIDE.has(from.kind) || namespaces.has(from.namespace);
  }

  /** Whether a rule of a role means an object here: its `resources` and `apiGroups` are plurals and groups. */
  isResource({ resources, apiGroups }: Mapping, name: unknown, from: Referrer): boolean {
    if (!Array.isArray(resources) || typeof name !== "string") return false;
    return resources.some((resource) => {
      const plural = String(resource).split("/")[0] ?? "";
      const kinds =
        plural === "*"
          ? [...this.#kindsOfPlural.values()].flatMap((each) => [...each])
          : this.#kindsOfPlural.get(plural);
      return [...(kinds ?? [])].some((kind) => {
        const group = kind.slice(0, kind.indexOf("/"));
        const isGroup = !Array.isArray(apiGroups) || apiGroups.includes(group) || apiGroups.includes("*");
        return isGroup && this.has(kind, name, null, from);
      });
    });
  }
}

function addTo(index: Map<string, Set<string>>, key: string, value: string): void {
  const values = index.get(key);
  if (values) values.add(value);
  else index.set(key, new Set([value]));
}

/** As Kubernetes forms the plurals of its own kinds. */
function pluralOf(kind: string): string {
  const word = kind.toLowerCase();
  if (word.endsWith("endpoints")) return word;
  if (/(?:s|x|ch)$/.test(word)) return `${word}es`;
  return word.endsWith("y") && !/[aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}
