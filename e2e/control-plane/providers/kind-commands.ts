import { auditPolicy } from "../cluster/audit-log.ts";
import type { ClusterOptions } from "../provider.ts";
import { tools } from "../versions.ts";

/** Which command lines make, change and delete one kind cluster. Pure, because few machines can run them. */
export interface KindCluster {
  readonly name: string;
  readonly kubeconfigPath: string;
  readonly configPath: string;
  /** Host folder that holds the audit policy and receives the log. */
  readonly auditFolder?: string | undefined;
}

export type CommandLine = readonly [command: string, ...args: string[]];

export function createCommand(cluster: KindCluster, options: ClusterOptions, image?: string): CommandLine {
  const chosen = image ?? (options.kubernetes === "older" ? nodeImage(tools["kubernetes-older"].version) : undefined);
  return [
    "kind",
    "create",
    "cluster",
    `--name=${cluster.name}`,
    `--kubeconfig=${cluster.kubeconfigPath}`,
    `--config=${cluster.configPath}`,
    "--wait=180s",
    // For the newest, kind's own choice: it knows which image fits its release.
    ...(chosen ? [`--image=${chosen}`] : []),
  ];
}

const nodeImage = (version: string): string => `kindest/node:${version}`;

export const deleteCommand = (cluster: KindCluster): CommandLine => [
  "kind",
  "delete",
  "cluster",
  `--name=${cluster.name}`,
  `--kubeconfig=${cluster.kubeconfigPath}`,
];

const manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
const parked = "/etc/kubernetes/kube-apiserver.yaml";

/** The kubelet stops a static pod whose manifest disappears, and starts it again when it is back. */
export const stopApiServerCommand = (cluster: KindCluster): CommandLine => inNode(cluster, ["mv", manifest, parked]);
export const startApiServerCommand = (cluster: KindCluster): CommandLine => inNode(cluster, ["mv", parked, manifest]);

const inNode = (cluster: KindCluster, command: readonly string[]): CommandLine => [
  "docker",
  "exec",
  `${cluster.name}-control-plane`,
  ...command,
];

const auditFolderInNode = "/var/log/muster-audit";

/** kind's configuration file, as JSON, which is YAML. */
export function kindConfig(cluster: KindCluster, options: ClusterOptions): unknown {
  const workers = Math.max(0, (options.nodes ?? 1) - 1);
  const flags = flagsAsArguments(options.apiServerFlags ?? []);
  const mount = cluster.auditFolder
    ? { extraMounts: [{ hostPath: cluster.auditFolder, containerPath: auditFolderInNode }] }
    : {};
  return {
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    nodes: [{ role: "control-plane", ...mount }, ...Array.from({ length: workers }, () => ({ role: "worker" }))],
    kubeadmConfigPatches: [JSON.stringify(clusterConfiguration({ ...auditFlags(cluster), ...flags }, cluster))],
  };
}

export const auditPolicyFile = (): string => JSON.stringify(auditPolicy);

const auditFlags = (cluster: KindCluster): Record<string, string> =>
  cluster.auditFolder
    ? {
        "audit-policy-file": `${auditFolderInNode}/policy.json`,
        "audit-log-path": `${auditFolderInNode}/audit.jsonl`,
        "audit-log-mode": "blocking",
      }
    : {};

function clusterConfiguration(extraArgs: Record<string, string>, cluster: KindCluster): unknown {
  const volume = {
    name: "muster-audit",
    hostPath: auditFolderInNode,
    mountPath: auditFolderInNode,
    readOnly: false,
    pathType: "DirectoryOrCreate",
  };
  return {
    kind: "ClusterConfiguration",
    apiServer: { extraArgs, ...(cluster.auditFolder ? { extraVolumes: [volume] } : {}) },
  };
}

/** `--name=value` -> name: value, the form that kubeadm takes. */
function flagsAsArguments(flags: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    flags.map((flag) => {
      const [name = "", ...value] = flag.replace(/^--/, "").split("=");
      return [name, value.join("=") || "true"];
    }),
  );
}
