/** What the demo deploys: a shop of three objects, in the versions of the story. */
export const SHOP = {
  project: "default",
  source: "fleet",
  app: "shop",
  path: "apps/shop",
  namespace: "shop",
  deployment: { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "shop" },
} as const;

export const deploymentYaml = ({ image, replicas }: { image: string; replicas: number }): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: ${replicas}
  selector:
    matchLabels: { app: shop }
  template:
    metadata:
      labels: { app: shop }
    spec:
      containers:
        - name: shop
          image: ${image}
          envFrom:
            - configMapRef: { name: shop-config }
`;

export const configYaml = ({ timeout }: { timeout: string }): string => `apiVersion: v1
kind: ConfigMap
metadata:
  name: shop-config
data:
  CHECKOUT_TIMEOUT: "${timeout}"
---
apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: { app: shop }
  ports:
    - port: 80
      targetPort: 8080
`;

/** The same, with the mistake of the story: the Service's `kind` is gone. */
export const brokenConfigYaml = (options: { timeout: string }): string =>
  configYaml(options).replace("kind: Service\n", "");

/** Source and App, as a person would apply them. */
export const shopDefinitions = (repositoryUrl: string): readonly object[] => [
  {
    apiVersion: "muster.dev/v1alpha1",
    kind: "Source",
    metadata: { name: SHOP.source },
    spec: { git: { url: repositoryUrl, ref: { branch: "main" } } },
  },
  {
    apiVersion: "muster.dev/v1alpha1",
    kind: "App",
    metadata: { name: SHOP.app },
    spec: {
      source: { name: SHOP.source, path: SHOP.path },
      destination: { namespace: SHOP.namespace, createNamespace: true },
      clusters: { matchLabels: { tier: "prod" } },
    },
  },
];
