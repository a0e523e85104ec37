import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readAuditLog } from "../cluster/audit-log.ts";
import { clusterClient } from "../cluster/cluster-client.ts";
import { writeKubeconfig } from "../cluster/kubeconfig-file.ts";
import { pollUntil } from "../processes/poll-until.ts";
import { type Reaper, startReaper } from "../processes/reaper.ts";
import type { Availability, ClusterOptions, ClusterProvider, ControlPlane, TestCluster } from "../provider.ts";
import { createAdminToken, readContext, withToken } from "./admin-access.ts";
import { type Execute, execute } from "./execute.ts";
import {
  auditPolicyFile,
  type CommandLine,
  createCommand,
  deleteCommand,
  type KindCluster,
  kindConfig,
  startApiServerCommand,
  stopApiServerCommand,
} from "./kind-commands.ts";
import { installedKubectl } from "./kubeconfig.ts";

export interface KindProviderOptions {
  readonly execute?: Execute;
  /** Default: by Kubernetes version; the newest is kind's own default. */
  readonly image?: string | undefined;
  readonly kubectlPath?: string;
}

/** Clusters in containers, where a Docker engine allows that. Each is deleted by its own name afterwards. */
export function kindProvider(options: KindProviderOptions = {}): ClusterProvider {
  const run = options.execute ?? execute;
  return {
    kind: "kind",
    supports: { newClusters: true, stopApiServer: true, auditLog: true, apiServerFlags: true },
    available: () => available(run),
    prepare: async () => {},
    start: async (start) => {
      const tools: KindTools = {
        execute: run,
        image: options.image,
        kubectlPath: options.kubectlPath ?? installedKubectl(),
      };
      return startKindControlPlane(start.clusters, start, tools);
    },
  };
}

async function available(run: Execute): Promise<Availability> {
  try {
    await run("kind", ["version"]);
  } catch {
    return { ok: false, reason: "there is no kind on the path", install: "install kind (https://kind.sigs.k8s.io)" };
  }
  try {
    await run("docker", ["info", "--format={{.ServerVersion}}"]);
    return { ok: true };
  } catch (error) {
    return {
      ok: false,
      reason: `no Docker engine answers: ${(error as Error).message}`,
      install: "start a Docker engine that allows privileged containers",
    };
  }
}

interface KindTools {
  readonly execute: Execute;
  readonly image: string | undefined;
  readonly kubectlPath: string;
}

async function startKindControlPlane(count: number, start: ClusterOptions, tools: KindTools): Promise<ControlPlane> {
  const reaper = startReaper();
  const folder = reaper.temporaryFolder("muster-clusters");
  // Nobody else's clusters carry it, so that what we delete is ours.
  const prefix = `muster-test-${randomBytes(3).toString("hex")}`;
  const clusters: TestCluster[] = [];
  let started = 0;
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      await Promise.all(clusters.map((cluster) => cluster.stop()));
      // What failed half-way is still registered, and deleted now; the folder goes last.
      await reaper.close();
    })();
    return stopped;
  };
  const startOne = async (options: ClusterOptions): Promise<TestCluster> => {
    started += 1;
    const cluster = await startKindCluster(`${prefix}-${started}`, options, { ...tools, folder: folder.path, reaper });
    clusters.push(cluster);
    return cluster;
  };
  try {
    const results = await Promise.allSettled(Array.from({ length: count }, () => startOne(start)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
    clusters.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    return { provider: "kind", clusters, addCluster: (options = {}) => startOne({ ...start, ...options }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface KindSurroundings extends KindTools {
  readonly folder: string;
  readonly reaper: Reaper;
}

async function startKindCluster(
  name: string,
  options: ClusterOptions,
  { execute: run, image, kubectlPath, folder, reaper }: KindSurroundings,
): Promise<TestCluster> {
  const kind: KindCluster = {
    name,
    kubeconfigPath: join(folder, `${name}.kind.kubeconfig`),
    configPath: join(folder, `${name}.kind.json`),
    auditFolder: options.auditLog ? join(folder, `${name}.audit`) : undefined,
  };
  if (kind.auditFolder) {
    mkdirSync(kind.auditFolder);
    writeFileSync(join(kind.auditFolder, "policy.json"), auditPolicyFile());
  }
  writeFileSync(kind.configPath, JSON.stringify(kindConfig(kind, options)));
  const runLine = ([command, ...args]: CommandLine) => run(command, args);
  const [undoCommand, ...undoArgs] = deleteCommand(kind);
  const forget = reaper.add({ kind: "run", command: undoCommand, args: undoArgs });
  await runLine(createCommand(kind, options, image));

  const access = { path: kubectlPath, kubeconfigPath: kind.kubeconfigPath, execute: run };
  const context = await readContext(access);
  const adminToken = await createAdminToken(access, "kube-system");
  const { server, caPem } = context;
  const kubeconfigPath = join(folder, `${name}.kubeconfig`);
  writeKubeconfig(kubeconfigPath, withToken(name, context, adminToken));
  const client = clusterClient({ name, server, caPem, adminToken, kubeconfigPath, kubectlPath });
  const answersReady = async () => (await client.request("GET", "/readyz")).status === 200;
  const auditLogPath = kind.auditFolder ? join(kind.auditFolder, "audit.jsonl") : undefined;
  let stopped: Promise<void> | undefined;
  return {
    name,
    kubernetesVersion: (await client.request("GET", "/version")).json.gitVersion,
    server,
    caPem,
    adminToken,
    kubeconfigPath,
    kubeconfig: readFileSync(kubeconfigPath, "utf8"),
    kubectlPath,
    auditLogPath,
    processes: [],
    request: client.request,
    kubectl: client.kubectl,
    kubeSystemUid: client.kubeSystemUid,
    createNamespace: client.createNamespace,
    auditEvents: async () => {
      if (!auditLogPath) throw new Error(`${name} was started without auditLog: true`);
      return readAuditLog(auditLogPath);
    },
    stopApiServer: async () => {
      await runLine(stopApiServerCommand(kind));
      await pollUntil(`the API server of ${name} to stop`, async () => !(await answersReady().catch(() => false)));
    },
    startApiServer: async () => {
      await runLine(startApiServerCommand(kind));
      await pollUntil(`the API server of ${name} to be ready`, answersReady, { deadlineMs: 180_000 });
    },
    stop: () => {
      stopped ??= (async () => {
        await client.close();
        await runLine(deleteCommand(kind));
        forget();
      })();
      return stopped;
    },
  };
}
