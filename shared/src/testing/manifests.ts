import { dump } from "js-yaml";

/** Small, valid Kubernetes objects for tests. Each is plain data: change it as the test needs. */

export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
};

interface Where {
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

const metadata = (name: string, { namespace, labels, annotations }: Where) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  ...(labels ? { labels } : {}),
  ...(annotations ? { annotations } : {}),
});

export const configMap = (name: string, data: Record<string, string> = {}, where: Where = {}): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: metadata(name, where),
  data,
});

export const namespaceObject = (name: string, where: Omit<Where, "namespace"> = {}): Manifest => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: metadata(name, where),
});

export const deployment = (
  name: string,
  { replicas = 1, image = "registry.example.com/app:1", ...where }: Where & { replicas?: number; image?: string } = {},
): Manifest => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: metadata(name, where),
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: "app", image, ports: [{ containerPort: 8080 }] }] },
    },
  },
});

export const service = (name: string, where: Where = {}): Manifest => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(name, where),
  spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
});

/** A namespaced custom resource definition; `widgets.example.com` for kind `Widget`. */
export const customResourceDefinition = (kind: string, group = "example.com"): Manifest => {
  const singular = kind.toLowerCase();
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${singular}s.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural: `${singular}s`, singular },
      scope: "Namespaced",
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  };
};

/** One YAML file of several documents, as people write them. */
export const manifestFile = (...manifests: readonly object[]): string =>
  manifests.map((manifest) => dump(manifest, { noRefs: true })).join("---\n");
