import { groupOf } from "@muster/shared/model/object-ref.ts";

/** Kubernetes' own kinds without a namespace, by API group, of every version that is supported. */
const CLUSTER_KINDS: Readonly<Record<string, string>> = {
  "": "Namespace Node PersistentVolume ComponentStatus",
  apps: "",
  batch: "",
  autoscaling: "",
  policy: "",
  extensions: "",
  "admissionregistration.k8s.io":
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding",
  "apiextensions.k8s.io": "CustomResourceDefinition",
  "apiregistration.k8s.io": "APIService",
  "authentication.k8s.io": "TokenReview SelfSubjectReview",
  "authorization.k8s.io": "SubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview",
  "certificates.k8s.io": "CertificateSigningRequest ClusterTrustBundle",
  "coordination.k8s.io": "",
  "discovery.k8s.io": "",
  "events.k8s.io": "",
  "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
  "internal.apiserver.k8s.io": "StorageVersion",
  "networking.k8s.io": "IngressClass IPAddress ServiceCIDR",
  "node.k8s.io": "RuntimeClass",
  "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding",
  "resource.k8s.io": "DeviceClass ResourceSlice DeviceTaintRule",
  "scheduling.k8s.io": "PriorityClass",
  "storage.k8s.io": "StorageClass VolumeAttachment VolumeAttributesClass CSIDriver CSINode",
  "storagemigration.k8s.io": "StorageVersionMigration",
};

const kindsByGroup: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(CLUSTER_KINDS).map(([group, kinds]) => [group, new Set(kinds.split(" ").filter(Boolean))]),
);

/** Whether objects of a kind have a namespace; null for kinds that are not Kubernetes' own: only a cluster knows. */
export function isNamespacedKind(apiVersion: string, kind: string): boolean | null {
  const clusterKinds = kindsByGroup.get(groupOf(apiVersion));
  return clusterKinds === undefined ? null : !clusterKinds.has(kind);
}
