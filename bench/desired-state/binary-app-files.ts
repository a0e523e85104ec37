import { configMap } from "@muster/e2e/fleet/manifests.ts";

/** What a kustomization or chart of the benchmark is like. */
export interface BinaryApp {
  readonly tool: "kustomize" | "helm";
  /** `service`: what a team runs, ten kinds of object and an overlay that patches them. `small`: three objects. */
  readonly size: "service" | "small";
}

/** Files that all Apps build on. */
export function sharedFilesOf({ tool, size }: BinaryApp): Record<string, string> {
  if (tool === "helm") return {};
  const objects = objectsOf(size, { name: "web", image: "registry.example.com/web:1" });
  return {
    "base/kustomization.yaml": `resources: [${Object.keys(objects).join(", ")}]\n`,
    ...under("base", objects),
  };
}

/** Files of one App, with content of its own. */
export function filesOf({ tool, size }: BinaryApp, name: string): Record<string, string> {
  const own =
    tool === "helm"
      ? chart(size, name)
      : {
          "kustomization.yaml": (size === "small" ? SMALL_OVERLAY : OVERLAY).replaceAll("NAME", name),
          "config.yaml": configMap("config", { of: name }),
          ...(size === "small" ? {} : { "resources.yaml": PATCH }),
        };
  return under(`apps/${name}`, own);
}

const SMALL_OVERLAY = `resources: [../../base, config.yaml]
namePrefix: NAME-
labels: [{ pairs: { app.kubernetes.io/instance: NAME } }]
images: [{ name: registry.example.com/web, newTag: '2' }]
`;

const OVERLAY = `${SMALL_OVERLAY}replicas: [{ name: web, count: 3 }]
configMapGenerator:
  - name: settings
    literals: [OF=NAME, LEVEL=info]
patches:
  - path: resources.yaml
  - target: { kind: Ingress }
    patch: |
      - { op: replace, path: /spec/rules/0/host, value: NAME.example.com }
`;

const PATCH = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  template:
    spec:
      containers:
        - name: web
          resources: { limits: { memory: 512Mi } }
`;

function chart(size: BinaryApp["size"], name: string): Record<string, string> {
  const values = { name: '{{ include "name" . }}', image: "{{ .Values.image }}" };
  const templates = under("templates", objectsOf(size, values));
  return {
    "Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: 0.1.0\n`,
    "values.yaml": `replicas: 2\nimage: registry.example.com/web:1\nof: ${name}\n`,
    "templates/_helpers.tpl": '{{- define "name" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end }}\n',
    "templates/config.yaml": [
      "apiVersion: v1",
      "kind: ConfigMap",
      'metadata: { name: {{ include "name" . }} }',
      "data: { of: {{ .Values.of | quote }} }",
      "",
    ].join("\n"),
    ...templates,
  };
}

type Written = { readonly name: string; readonly image: string };

function objectsOf(size: BinaryApp["size"], written: Written): Record<string, string> {
  const small = { "deployment.yaml": deployment(written), "service.yaml": service(written) };
  return size === "small" ? small : { ...small, ...around(written) };
}

const deployment = ({ name, image }: Written): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: "${image}"
          ports: [{ containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /ready, port: 8080 }, periodSeconds: 5 }
          resources: { requests: { cpu: 100m, memory: 128Mi }, limits: { memory: 256Mi } }
`;

const service = ({ name }: Written): string => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`;

const around = ({ name }: Written): Record<string, string> => ({
  "account.yaml": `apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: ${name} }\n`,
  "role.yaml": `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: ${name} }
rules: [{ apiGroups: [""], resources: [configmaps], verbs: [get, list, watch] }]
`,
  "binding.yaml": `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: ${name} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${name} }
subjects: [{ kind: ServiceAccount, name: ${name} }]
`,
  "ingress.yaml": `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name} }
spec:
  rules:
    - host: web.example.com
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${name}, port: { number: 80 } } } }] }
`,
  "autoscaler.yaml": `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: ${name} }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: ${name} }
  minReplicas: 2
  maxReplicas: 10
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } } }]
`,
  "budget.yaml": `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: ${name} }
spec: { minAvailable: 1, selector: { matchLabels: { app: web } } }
`,
  "network.yaml": `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name} }
spec: { podSelector: { matchLabels: { app: web } }, ingress: [{ ports: [{ port: 8080 }] }] }
`,
});

const under = (folder: string, files: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));
