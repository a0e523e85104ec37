import { groupOf, type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";

/**
 * What must exist before what, by kind. Objects of one rank are applied side by side, ranks one after another; prune
 * and removal go the other way round. Kinds that Kubernetes does not define come last: their definitions, and the
 * workloads that serve them, are then in place.
 */
const ranks: readonly (readonly string[])[] = [
  ["/Namespace"],
  ["apiextensions.k8s.io/CustomResourceDefinition"],
  [
    "scheduling.k8s.io/PriorityClass",
    "storage.k8s.io/StorageClass",
    "node.k8s.io/RuntimeClass",
    "/ResourceQuota",
    "/LimitRange",
  ],
  [
    "/ServiceAccount",
    "rbac.authorization.k8s.io/ClusterRole",
    "rbac.authorization.k8s.io/Role",
    "rbac.authorization.k8s.io/ClusterRoleBinding",
    "rbac.authorization.k8s.io/RoleBinding",
  ],
  ["/ConfigMap", "/Secret"],
  ["/PersistentVolume", "/PersistentVolumeClaim"],
  ["/Service", "networking.k8s.io/NetworkPolicy", "policy/PodDisruptionBudget"],
  [
    "apps/Deployment",
    "apps/StatefulSet",
    "apps/DaemonSet",
    "apps/ReplicaSet",
    "/ReplicationController",
    "/Pod",
    "batch/Job",
    "batch/CronJob",
    "autoscaling/HorizontalPodAutoscaler",
    "networking.k8s.io/Ingress",
    "networking.k8s.io/IngressClass",
  ],
  [
    "apiregistration.k8s.io/APIService",
    "admissionregistration.k8s.io/MutatingWebhookConfiguration",
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
  ],
];

const rankByKind: ReadonlyMap<string, number> = new Map(
  ranks.flatMap((kinds, rank) => kinds.map((kind) => [kind, rank] as const)),
);
/** Built-in kinds that no list above names go with the services; everything else is a custom resource. */
const otherBuiltInRank = 6;
const customRank = ranks.length;

const isBuiltInGroup = (group: string): boolean => !group.includes(".") || group.endsWith(".k8s.io");

/** Whether the kind comes from a CustomResourceDefinition. `*.k8s.io` groups are Kubernetes' own, with few exceptions. */
export const isCustomKind = (apiVersion: string): boolean => !isBuiltInGroup(groupOf(apiVersion));

export function applyRank(ref: Pick<ObjectRef, "apiVersion" | "kind">): number {
  const group = groupOf(ref.apiVersion);
  return rankByKind.get(`${group}/${ref.kind}`) ?? (isBuiltInGroup(group) ? otherBuiltInRank : customRank);
}

/** Groups that are applied one after another; inside a group order does not matter, but is stable for printing. */
export function applyOrder<T extends { readonly ref: ObjectRef }>(items: readonly T[]): readonly (readonly T[])[] {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const rank = applyRank(item.ref);
    const group = groups.get(rank);
    if (group) group.push(item);
    else groups.set(rank, [item]);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, group]) => group.sort((a, b) => (objectKey(a.ref) < objectKey(b.ref) ? -1 : 1)));
}

export const removeOrder = <T extends { readonly ref: ObjectRef }>(items: readonly T[]): readonly (readonly T[])[] =>
  applyOrder(items).toReversed();

const protectedKinds: ReadonlySet<string> = new Set([
  "/Namespace",
  "apiextensions.k8s.io/CustomResourceDefinition",
  "/PersistentVolumeClaim",
  "/PersistentVolume",
]);

/** Kinds whose deletion destroys data or other people's objects: never deleted without explicit consent. */
export const isProtectedKind = (ref: Pick<ObjectRef, "apiVersion" | "kind">): boolean =>
  protectedKinds.has(`${groupOf(ref.apiVersion)}/${ref.kind}`);
