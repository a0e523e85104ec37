import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { binaryPath, isBuilt } from "../build/cache-folder.ts";
import { clusterClient } from "../cluster/cluster-client.ts";
import { writeKubeconfig } from "../cluster/kubeconfig-file.ts";
import { type Reaper, startReaper } from "../processes/reaper.ts";
import type { Availability, ClusterNeeds, ClusterProvider, ControlPlane, TestCluster } from "../provider.ts";
import { tools } from "../versions.ts";
import { createAdminToken, createNamespace, readContext, withToken } from "./admin-access.ts";
import { type Execute, execute } from "./execute.ts";

export interface KubeconfigProviderOptions {
  readonly kubeconfigPath: string | undefined;
  /** One cluster each. Empty: the current context only, so that no cluster is touched that nobody named. */
  readonly contexts?: readonly string[];
  readonly kubectlPath?: string;
  readonly execute?: Execute;
}

/** Clusters that a person named. Only namespaces that the tests made are ever deleted from them. */
export function kubeconfigProvider(options: KubeconfigProviderOptions): ClusterProvider {
  const contexts: readonly (string | undefined)[] = options.contexts?.length ? options.contexts : [undefined];
  const run = options.execute ?? execute;
  const kubectlPath = options.kubectlPath ?? installedKubectl();

  const available = async (needs: ClusterNeeds = {}): Promise<Availability> => {
    const { kubeconfigPath } = options;
    if (!kubeconfigPath || !existsSync(kubeconfigPath)) {
      return {
        ok: false,
        reason: kubeconfigPath ? `${kubeconfigPath} does not exist` : "MUSTER_TEST_KUBECONFIG is not set",
        install: "set MUSTER_TEST_KUBECONFIG to a kubeconfig of a cluster for tests",
      };
    }
    if ((needs.clusters ?? 1) > contexts.length) {
      return {
        ok: false,
        reason: `${needs.clusters} clusters are needed and ${contexts.length} named`,
        install: "name one context per cluster in MUSTER_TEST_CONTEXTS, separated by commas",
      };
    }
    try {
      for (const context of contexts) {
        await run(kubectlPath, [...kubectlArguments(kubeconfigPath, context), "get", "--raw=/readyz"]);
      }
      return { ok: true };
    } catch (error) {
      return { ok: false, reason: (error as Error).message, install: "start the cluster, or correct the kubeconfig" };
    }
  };

  return {
    kind: "kubeconfig",
    supports: { newClusters: false, stopApiServer: false, auditLog: false, apiServerFlags: false },
    available,
    prepare: async () => {},
    start: async ({ clusters: count }) => {
      const answer = await available({ clusters: count });
      if (!answer.ok) throw new Error(`${answer.reason}; ${answer.install}`);
      const sources = contexts.map((context) => ({ kubeconfigPath: options.kubeconfigPath as string, context }));
      return adoptClusters(sources, count, { path: kubectlPath, execute: run });
    },
  };
}

const kubectlArguments = (path: string, context: string | undefined): string[] => [
  ...["--kubeconfig", path],
  ...(context ? ["--context", context] : []),
];

export const installedKubectl = (): string =>
  isBuilt(tools["kubernetes-newest"]) ? binaryPath(tools["kubernetes-newest"], "kubectl") : "kubectl";

interface Source {
  readonly kubeconfigPath: string;
  readonly context: string | undefined;
}

interface Tool {
  readonly path: string;
  readonly execute: Execute;
}

async function adoptClusters(sources: readonly Source[], count: number, kubectl: Tool): Promise<ControlPlane> {
  const reaper = startReaper();
  const folder = reaper.temporaryFolder("muster-clusters");
  const clusters: TestCluster[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      for (const cluster of clusters.toReversed()) await cluster.stop();
      folder.remove();
      await reaper.close();
    })();
    return stopped;
  };
  const adoptNext = async (): Promise<TestCluster> => {
    const source = sources[clusters.length];
    if (!source) throw new Error(`only ${sources.length} contexts are named in MUSTER_TEST_CONTEXTS`);
    const name = `cluster-${clusters.length + 1}`;
    const cluster = await adoptCluster({ name, source, kubectl, folder: folder.path, reaper });
    clusters.push(cluster);
    return cluster;
  };
  try {
    while (clusters.length < count) await adoptNext();
    await refuseTwins(clusters);
    return { provider: "kubeconfig", clusters, addCluster: adoptNext, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Two contexts of one cluster would make tests of isolation fail in ways that nobody understands. */
async function refuseTwins(clusters: readonly TestCluster[]): Promise<void> {
  const uids = await Promise.all(clusters.map((cluster) => cluster.kubeSystemUid()));
  if (new Set(uids).size < uids.length) {
    throw new Error("two contexts of MUSTER_TEST_CONTEXTS lead to the same cluster; name different ones");
  }
}

interface Adoption {
  readonly name: string;
  readonly source: Source;
  readonly kubectl: Tool;
  readonly folder: string;
  readonly reaper: Reaper;
}

async function adoptCluster({ name, source, kubectl, folder, reaper }: Adoption): Promise<TestCluster> {
  const access = { ...kubectl, ...source };
  const context = await readContext(access);
  const namespaces: { readonly name: string; readonly forget: () => void }[] = [];
  const remember = (namespace: string) => {
    const args = [...kubectlArguments(source.kubeconfigPath, source.context), "delete", "namespace", namespace];
    const undo = { kind: "run", command: kubectl.path, args: [...args, "--wait=false", "--ignore-not-found"] } as const;
    namespaces.push({ name: namespace, forget: reaper.add(undo) });
  };

  let adminToken = context.token;
  if (adminToken === undefined) {
    const namespace = `muster-test-admin-${randomBytes(4).toString("hex")}`;
    remember(namespace);
    await createNamespace(access, namespace);
    adminToken = await createAdminToken(access, namespace);
  }
  const { server, caPem } = context;
  const kubeconfigPath = join(folder, `${name}.kubeconfig`);
  writeKubeconfig(kubeconfigPath, withToken(name, context, adminToken));
  const client = clusterClient({ name, server, caPem, adminToken, kubeconfigPath, kubectlPath: kubectl.path });
  const cannot = (what: string) => async () => {
    throw new Error(`${what} is not possible on a cluster that a kubeconfig names; use MUSTER_TEST_PROVIDER=built`);
  };
  let stopped: Promise<void> | undefined;
  return {
    name,
    kubernetesVersion: (await client.request("GET", "/version")).json.gitVersion,
    server,
    caPem,
    adminToken,
    kubeconfigPath,
    kubeconfig: readFileSync(kubeconfigPath, "utf8"),
    kubectlPath: kubectl.path,
    auditLogPath: undefined,
    processes: [],
    request: client.request,
    kubectl: client.kubectl,
    kubeSystemUid: client.kubeSystemUid,
    createNamespace: async (prefix) => {
      const namespace = await client.createNamespace(prefix);
      remember(namespace);
      return namespace;
    },
    auditEvents: cannot("reading the audit log"),
    stopApiServer: cannot("stopping the API server"),
    startApiServer: cannot("starting the API server"),
    stop: () => {
      stopped ??= (async () => {
        // The namespace of the token goes last, by the user's own rights: the token dies with it.
        for (const { name: namespace, forget } of namespaces.toReversed()) {
          const args = [...kubectlArguments(source.kubeconfigPath, source.context), "delete", "namespace", namespace];
          await kubectl.execute(kubectl.path, [...args, "--ignore-not-found", "--timeout=120s"]);
          forget();
        }
        await client.close();
      })();
      return stopped;
    },
  };
}
