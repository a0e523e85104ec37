import { join } from "node:path";
import { type Component, startComponent } from "../processes/component.ts";
import { pollUntil } from "../processes/poll-until.ts";
import type { Reaper } from "../processes/reaper.ts";
import type { ClusterClient } from "./cluster-client.ts";

export interface ControllersOptions {
  readonly name: string;
  readonly folder: string;
  readonly binaries: { readonly controllerManager: string; readonly scheduler: string; readonly kwok: string };
  /** Folder with kwok's own descriptions of what nodes and pods do. */
  readonly kwokStages: string;
  readonly kubeconfigPath: string;
  readonly serviceAccountKeyPath: string;
  readonly caPath: string;
  readonly nodes: number;
  readonly client: ClusterClient;
  readonly reaper: Reaper;
}

/**
 * What turns stored objects into a cluster that acts: controller manager, scheduler, and kwok in the place of
 * kubelets. Answers when service accounts are made and every node is ready.
 */
export async function startControllers(options: ControllersOptions): Promise<Component[]> {
  const starting = [
    start(options, "kube-controller-manager", options.binaries.controllerManager, controllerManagerFlags(options)),
    start(options, "kube-scheduler", options.binaries.scheduler, schedulerFlags(options)),
    ...(options.nodes > 0 ? [start(options, "kwok", options.binaries.kwok, kwokFlags(options))] : []),
  ];
  try {
    await createNodes(options.client, options.nodes);
    return await Promise.all(starting.map((component) => component.untilReady()));
  } catch (error) {
    for (const component of starting.reverse()) await component.stop();
    throw error;
  }
}

function start(options: ControllersOptions, name: string, command: string, args: readonly string[]) {
  return startComponent({
    name: `${name} of ${options.name}`,
    command,
    args,
    cwd: options.folder,
    // kwok would read the user's own configuration otherwise.
    env: { PATH: process.env.PATH, HOME: options.folder, KWOK_WORKDIR: options.folder },
    logPath: join(options.folder, `${name}.log`),
    graceMs: 2_000,
    // None of them listens on a port; their effects say that they work.
    ready: (signal) => readyWhen[name]?.(options, signal) ?? Promise.resolve(true),
    reaper: options.reaper,
  });
}

const readyWhen: Record<string, (options: ControllersOptions, signal: AbortSignal) => Promise<boolean>> = {
  "kube-controller-manager": async ({ client }, signal) => {
    const account = await client.request("GET", "/api/v1/namespaces/default/serviceaccounts/default", { signal });
    return account.status === 200;
  },
  kwok: async ({ client, nodes }, signal) => {
    const list = await client.request("GET", "/api/v1/nodes", { signal });
    return (list.json.items ?? []).filter(isReady).length >= nodes;
  },
};

interface Node {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  readonly spec: { readonly taints?: readonly unknown[] };
}

/** The controller manager lifts the taint of a new node a moment after kwok reports it ready; pods wait for both. */
const isReady = (node: Node): boolean =>
  (node.spec.taints ?? []).length === 0 &&
  (node.status.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");

const controllerManagerFlags = (options: ControllersOptions): string[] => [
  `--kubeconfig=${options.kubeconfigPath}`,
  `--service-account-private-key-file=${options.serviceAccountKeyPath}`,
  `--root-ca-file=${options.caPath}`,
  "--leader-elect=false",
  "--secure-port=0",
  // The defaults are made for clusters of thousands of nodes and delay small tests by seconds.
  "--kube-api-qps=200",
  "--kube-api-burst=400",
];

const schedulerFlags = (options: ControllersOptions): string[] => [
  `--kubeconfig=${options.kubeconfigPath}`,
  "--leader-elect=false",
  "--secure-port=0",
  "--kube-api-qps=200",
  "--kube-api-burst=400",
];

const kwokFlags = (options: ControllersOptions): string[] => [
  `--kubeconfig=${options.kubeconfigPath}`,
  "--manage-all-nodes=true",
  // No port: several kwoks on one machine would meet at its default.
  "--node-port=0",
  "--node-lease-duration-seconds=40",
  ...[
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
  ].map((stage) => `--config=${join(options.kwokStages, stage)}`),
];

async function createNodes(client: ClusterClient, nodes: number): Promise<void> {
  for (let index = 0; index < nodes; index++) {
    const name = `node-${index}`;
    const node = {
      metadata: {
        name,
        annotations: { "kwok.x-k8s.io/node": "fake" },
        labels: {
          "kubernetes.io/hostname": name,
          "kubernetes.io/os": "linux",
          "kubernetes.io/arch": "amd64",
          "node-role.kubernetes.io/agent": "",
        },
      },
    };
    await pollUntil(`node ${name} to be stored`, async (signal) => {
      const answer = await client.request("POST", "/api/v1/nodes", { body: node, signal });
      return answer.status === 201 || answer.status === 409;
    });
  }
}
