import type { LiveObject, ResourceKind } from "../../ports/cluster-api.ts";

export interface MemoryKind extends ResourceKind {
  readonly isBuiltIn: boolean;
  /** Status is written apart, and writes of the object leave it alone. */
  readonly hasStatus: boolean;
}

/** `plural kind` with `*` for cluster-scoped and `!` for a status of its own. */
const BUILT_IN: Readonly<Record<string, string>> = {
  v1: "namespaces Namespace*! configmaps ConfigMap secrets Secret services Service! pods Pod! serviceaccounts ServiceAccount persistentvolumeclaims PersistentVolumeClaim! persistentvolumes PersistentVolume*! endpoints Endpoints events Event limitranges LimitRange resourcequotas ResourceQuota! replicationcontrollers ReplicationController! nodes Node*!",
  "apps/v1":
    "deployments Deployment! statefulsets StatefulSet! daemonsets DaemonSet! replicasets ReplicaSet! controllerrevisions ControllerRevision",
  "batch/v1": "jobs Job! cronjobs CronJob!",
  "autoscaling/v2": "horizontalpodautoscalers HorizontalPodAutoscaler!",
  "policy/v1": "poddisruptionbudgets PodDisruptionBudget!",
  "networking.k8s.io/v1": "ingresses Ingress! networkpolicies NetworkPolicy ingressclasses IngressClass*",
  "rbac.authorization.k8s.io/v1":
    "roles Role rolebindings RoleBinding clusterroles ClusterRole* clusterrolebindings ClusterRoleBinding*",
  "coordination.k8s.io/v1": "leases Lease",
  "storage.k8s.io/v1": "storageclasses StorageClass*",
  "scheduling.k8s.io/v1": "priorityclasses PriorityClass*",
  "discovery.k8s.io/v1": "endpointslices EndpointSlice",
  "admissionregistration.k8s.io/v1":
    "validatingwebhookconfigurations ValidatingWebhookConfiguration* mutatingwebhookconfigurations MutatingWebhookConfiguration*",
  "apiextensions.k8s.io/v1": "customresourcedefinitions CustomResourceDefinition*!",
};

export const kindKey = (apiVersion: string, kind: string): string => `${apiVersion} ${kind}`;

export function builtInKinds(): Map<string, MemoryKind> {
  const kinds = new Map<string, MemoryKind>();
  for (const [apiVersion, words] of Object.entries(BUILT_IN)) {
    for (const [, plural = "", kind = "", marks = ""] of words.matchAll(/(\w+) (\w+)([*!]*)/g)) {
      kinds.set(kindKey(apiVersion, kind), {
        apiVersion,
        kind,
        plural,
        isNamespaced: !marks.includes("*"),
        isBuiltIn: true,
        hasStatus: marks.includes("!"),
      });
    }
  }
  return kinds;
}

interface Definition {
  readonly group: string;
  readonly scope: string;
  readonly names: { readonly kind: string; readonly plural: string };
  readonly versions: readonly {
    readonly name: string;
    readonly served: boolean;
    readonly subresources?: { status?: object };
  }[];
}

/** The kinds that a CustomResourceDefinition brings. */
export function definedKinds(definition: LiveObject): MemoryKind[] {
  const { group, scope, names, versions } = definition.spec as Definition;
  return versions
    .filter(({ served }) => served)
    .map(({ name, subresources }) => ({
      apiVersion: `${group}/${name}`,
      kind: names.kind,
      plural: names.plural,
      isNamespaced: scope === "Namespaced",
      isBuiltIn: false,
      hasStatus: subresources?.status !== undefined,
    }));
}
