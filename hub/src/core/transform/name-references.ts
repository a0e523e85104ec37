/**
 * Where Kubernetes' own kinds name another object. Paths are of fields; a list on the way means each of its items. What
 * kustomize follows is followed here, and a few that it does not know: ephemeral containers, Gateway API, and the pod
 * template of any kind that has one.
 */
export interface NameReference {
  /** Path of the mapping that holds the name. */
  readonly path: readonly string[];
  /** The field in it that is the name: text, or a list of texts. */
  readonly field: string;
  /** `group/Kind` of what is named, `/ConfigMap` for the core group. Absent: the mapping's own `kind` says it. */
  readonly to?: string;
  /** What the kind is where the mapping does not say it. */
  readonly toUnless?: string;
}

const at = (path: string, field: string, to?: string): NameReference => ({
  path: path === "" ? [] : path.split("/"),
  field,
  ...(to === undefined ? {} : { to }),
});

const CONTAINERS = ["containers", "initContainers", "ephemeralContainers"];
const SECRET_VOLUMES = ["cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"];

const IN_POD: readonly NameReference[] = [
  ...CONTAINERS.flatMap((list) => [
    at(`${list}/env/valueFrom/configMapKeyRef`, "name", "/ConfigMap"),
    at(`${list}/env/valueFrom/secretKeyRef`, "name", "/Secret"),
    at(`${list}/envFrom/configMapRef`, "name", "/ConfigMap"),
    at(`${list}/envFrom/secretRef`, "name", "/Secret"),
  ]),
  at("volumes/configMap", "name", "/ConfigMap"),
  at("volumes/projected/sources/configMap", "name", "/ConfigMap"),
  at("volumes/secret", "secretName", "/Secret"),
  at("volumes/projected/sources/secret", "name", "/Secret"),
  at("volumes/csi/nodePublishSecretRef", "name", "/Secret"),
  at("volumes/azureFile", "secretName", "/Secret"),
  ...SECRET_VOLUMES.map((volume) => at(`volumes/${volume}/secretRef`, "name", "/Secret")),
  at("volumes/persistentVolumeClaim", "claimName", "/PersistentVolumeClaim"),
  at("imagePullSecrets", "name", "/Secret"),
  at("", "serviceAccountName", "/ServiceAccount"),
  at("", "serviceAccount", "/ServiceAccount"),
  at("", "priorityClassName", "scheduling.k8s.io/PriorityClass"),
  at("", "runtimeClassName", "node.k8s.io/RuntimeClass"),
];

/** Where a pod's specification stands in an object. */
const POD_PATHS: Readonly<Record<string, string>> = {
  "/Pod": "spec",
  "/PodTemplate": "template/spec",
  "batch/CronJob": "spec/jobTemplate/spec/template/spec",
};
const POD_PATH_ELSEWHERE = "spec/template/spec";

const SERVICE_OF_HOOKS = at("webhooks/clientConfig/service", "name", "/Service");
const IN_RULES = at("rules", "resourceNames");
const IN_ROUTE: readonly NameReference[] = [
  { ...at("spec/rules/backendRefs", "name"), toUnless: "/Service" },
  { ...at("spec/parentRefs", "name"), toUnless: "gateway.networking.k8s.io/Gateway" },
];

const BY_KIND: Readonly<Record<string, readonly NameReference[]>> = {
  "/PersistentVolume": [
    at("spec", "storageClassName", "storage.k8s.io/StorageClass"),
    at("spec/azureFile", "secretName", "/Secret"),
    at("spec/claimRef", "name", "/PersistentVolumeClaim"),
  ],
  "/PersistentVolumeClaim": [
    at("spec", "storageClassName", "storage.k8s.io/StorageClass"),
    at("spec", "volumeName", "/PersistentVolume"),
  ],
  "/ServiceAccount": [at("imagePullSecrets", "name", "/Secret"), at("secrets", "name", "/Secret")],
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": [SERVICE_OF_HOOKS],
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": [
    at("spec", "policyName", "admissionregistration.k8s.io/ValidatingAdmissionPolicy"),
  ],
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": [SERVICE_OF_HOOKS],
  "apiextensions.k8s.io/CustomResourceDefinition": [
    at("spec/conversion/webhook/clientConfig/service", "name", "/Service"),
  ],
  "apiregistration.k8s.io/APIService": [at("spec/service", "name", "/Service")],
  "apps/StatefulSet": [
    at("spec", "serviceName", "/Service"),
    at("spec/volumeClaimTemplates/spec", "storageClassName", "storage.k8s.io/StorageClass"),
  ],
  "autoscaling/HorizontalPodAutoscaler": [at("spec/scaleTargetRef", "name")],
  "autoscaling.k8s.io/VerticalPodAutoscaler": [at("spec/targetRef", "name")],
  "gateway.networking.k8s.io/GRPCRoute": IN_ROUTE,
  "gateway.networking.k8s.io/Gateway": [
    { ...at("spec/listeners/tls/certificateRefs", "name"), toUnless: "/Secret" },
    at("spec", "gatewayClassName", "gateway.networking.k8s.io/GatewayClass"),
  ],
  "gateway.networking.k8s.io/HTTPRoute": IN_ROUTE,
  "gateway.networking.k8s.io/TCPRoute": IN_ROUTE,
  "gateway.networking.k8s.io/TLSRoute": IN_ROUTE,
  "networking.k8s.io/Ingress": [
    at("spec/rules/http/paths/backend/service", "name", "/Service"),
    at("spec/rules/http/paths/backend/resource", "name"),
    at("spec/defaultBackend/service", "name", "/Service"),
    at("spec/tls", "secretName", "/Secret"),
    at("spec", "ingressClassName", "networking.k8s.io/IngressClass"),
    at("metadata/annotations", "ingress.kubernetes.io/auth-secret", "/Secret"),
    at("metadata/annotations", "nginx.ingress.kubernetes.io/auth-secret", "/Secret"),
    at("metadata/annotations", "nginx.ingress.kubernetes.io/auth-tls-secret", "/Secret"),
    at("metadata/annotations", "nginx.ingress.kubernetes.io/fastcgi-params-configmap", "/ConfigMap"),
  ],
  "rbac.authorization.k8s.io/ClusterRole": [IN_RULES],
  "rbac.authorization.k8s.io/ClusterRoleBinding": [at("roleRef", "name"), at("subjects", "name")],
  "rbac.authorization.k8s.io/Role": [IN_RULES],
  "rbac.authorization.k8s.io/RoleBinding": [at("roleRef", "name"), at("subjects", "name")],
  "storage.k8s.io/StorageClass": ["secretName", "adminSecretName", "userSecretName", "secretRef"].map((field) =>
    at("parameters", field, "/Secret"),
  ),
};

/** All places where an object of `groupKind` may name others. */
export function nameReferencesOf(groupKind: string): readonly NameReference[] {
  const podPath = (Object.hasOwn(POD_PATHS, groupKind) ? POD_PATHS[groupKind] : undefined) ?? POD_PATH_ELSEWHERE;
  const own = Object.hasOwn(BY_KIND, groupKind) ? (BY_KIND[groupKind] ?? []) : [];
  return [...IN_POD.map((reference) => ({ ...reference, path: [...podPath.split("/"), ...reference.path] })), ...own];
}
