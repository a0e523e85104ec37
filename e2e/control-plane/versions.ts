/**
 * Every version the test control planes, the forge and the renderers are built from, in one table. A change here needs the same
 * change in `modules/<tool>/go.mod` (`go get -tool PACKAGE@VERSION` there); `versions.test.ts` compares the two.
 */
export type KubernetesChoice = "newest" | "older";

export type ToolName = "etcd" | "kubernetes-newest" | "kubernetes-older" | "kwok" | "gitea" | "helm" | "kustomize";

export interface Tool {
  /** The folder below `modules/`, and the first part of the name in the cache. */
  readonly name: ToolName;
  readonly version: string;
  /** The Go module that carries the version. */
  readonly module: string;
  /** Binary name -> Go package. */
  readonly binaries: Readonly<Record<string, string>>;
  /** Seconds from cold on two cores, downloads included; only used to tell people what to expect. */
  readonly buildSeconds: number;
  readonly tags?: readonly string[];
  readonly cgo?: boolean;
  /** `-X` settings of the linker; Kubernetes reports `v0.0.0-master+$Format` without them. */
  readonly stamp?: Readonly<Record<string, string>>;
  /** Folders of the module that the binary reads when it runs. */
  readonly folders?: readonly string[];
}

const kubernetesStamp = (version: string): Record<string, string> => {
  const [major = "", minor = ""] = version.slice(1).split(".");
  return {
    "k8s.io/component-base/version.gitVersion": version,
    "k8s.io/component-base/version.gitMajor": major,
    "k8s.io/component-base/version.gitMinor": minor,
  };
};

const kubernetesServers = {
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
  "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
};

export const tools: Readonly<Record<ToolName, Tool>> = {
  etcd: {
    name: "etcd",
    version: "v3.7.3",
    module: "go.etcd.io/etcd/server/v3",
    binaries: { etcd: "go.etcd.io/etcd/server/v3" },
    buildSeconds: 50,
  },
  "kubernetes-newest": {
    name: "kubernetes-newest",
    version: "v1.37.2",
    module: "k8s.io/kubernetes",
    binaries: { ...kubernetesServers, kubectl: "k8s.io/kubernetes/cmd/kubectl" },
    buildSeconds: 440,
    stamp: kubernetesStamp("v1.37.2"),
  },
  kwok: {
    name: "kwok",
    version: "v0.8.0",
    module: "sigs.k8s.io/kwok",
    binaries: { kwok: "sigs.k8s.io/kwok/cmd/kwok" },
    buildSeconds: 75,
    // What a fake node and its pods do: become ready, complete, go away.
    folders: ["kustomize/stage"],
  },
  gitea: {
    name: "gitea",
    version: "v1.26.0",
    module: "code.gitea.io/gitea",
    binaries: { gitea: "code.gitea.io/gitea" },
    buildSeconds: 180,
    tags: ["sqlite", "sqlite_unlock_notify"],
    cgo: true,
    folders: ["templates", "options", "public"],
  },
  // These two are what the hub renders with, not part of a cluster.
  kustomize: {
    name: "kustomize",
    version: "v5.8.2",
    module: "sigs.k8s.io/kustomize/kustomize/v5",
    binaries: { kustomize: "sigs.k8s.io/kustomize/kustomize/v5" },
    buildSeconds: 30,
    stamp: { "sigs.k8s.io/kustomize/api/provenance.version": "v5.8.2" },
  },
  helm: {
    name: "helm",
    version: "v4.3.1",
    module: "helm.sh/helm/v4",
    binaries: { helm: "helm.sh/helm/v4/cmd/helm" },
    buildSeconds: 150,
    stamp: { "helm.sh/helm/v4/internal/version.version": "v4.3.1" },
  },
  "kubernetes-older": {
    name: "kubernetes-older",
    version: "v1.34.4",
    module: "k8s.io/kubernetes",
    binaries: kubernetesServers,
    buildSeconds: 320,
    stamp: kubernetesStamp("v1.34.4"),
  },
};

/** What a cluster of the chosen minor needs; kubectl always comes from the newest. */
export function toolsForClusters(kubernetes: KubernetesChoice): ToolName[] {
  return kubernetes === "newest"
    ? ["etcd", "kubernetes-newest", "kwok"]
    : ["etcd", "kubernetes-newest", "kwok", "kubernetes-older"];
}
