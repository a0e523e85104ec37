import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { binaryPath, toolFolder } from "../build/cache-folder.ts";
import type { Component } from "../processes/component.ts";
import type { Reaper } from "../processes/reaper.ts";
import type { ClusterOptions, TestCluster } from "../provider.ts";
import { tools } from "../versions.ts";
import { startApiServer } from "./api-server.ts";
import { prepareAuditLog, readAuditLog } from "./audit-log.ts";
import { clusterClient } from "./cluster-client.ts";
import { startControllers } from "./controllers.ts";
import type { Etcd } from "./etcd.ts";
import { writeKubeconfig } from "./kubeconfig-file.ts";

export interface BuiltClusterOptions extends ClusterOptions {
  readonly name: string;
  /** Its own folder is made below. */
  readonly folder: string;
  readonly etcd: Etcd;
  readonly reaper: Reaper;
}

/** One cluster from the binaries in the cache. It owns its processes and its folder, and shares etcd by prefix. */
export async function startBuiltCluster(options: BuiltClusterOptions): Promise<TestCluster> {
  const { name, reaper } = options;
  const folder = join(options.folder, name);
  mkdirSync(folder, { recursive: true });
  const kubernetes = tools[options.kubernetes === "older" ? "kubernetes-older" : "kubernetes-newest"];
  const auditLog = options.auditLog ? prepareAuditLog(folder) : undefined;
  const withControllers = options.controllers ?? true;

  const apiServer = await startApiServer({
    name,
    folder,
    binary: binaryPath(kubernetes, "kube-apiserver"),
    etcdEndpoint: options.etcd.endpoint,
    serviceAccountAdmission: withControllers,
    auditLog,
    flags: options.apiServerFlags ?? [],
    reaper,
  });
  const { server, caPem, adminToken } = apiServer;
  const kubeconfigPath = writeKubeconfig(join(folder, "kubeconfig"), { name, server, caPem, token: adminToken });
  const kubectlPath = binaryPath(tools["kubernetes-newest"], "kubectl");
  const client = clusterClient({ name, server, caPem, adminToken, kubeconfigPath, kubectlPath });
  let controllers: readonly Component[] = [];

  let stopped: Promise<void> | undefined;
  const stopAll = async () => {
    await client.close();
    await Promise.all(controllers.map((component) => component.stop()));
    await apiServer.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  const stop = () => {
    stopped ??= stopAll();
    return stopped;
  };

  try {
    if (withControllers) {
      controllers = await startControllers({
        name,
        folder,
        binaries: {
          controllerManager: binaryPath(kubernetes, "kube-controller-manager"),
          scheduler: binaryPath(kubernetes, "kube-scheduler"),
          kwok: binaryPath(tools.kwok, "kwok"),
        },
        kwokStages: join(toolFolder(tools.kwok), "static", "kustomize", "stage"),
        kubeconfigPath: writeKubeconfig(join(folder, "controllers.kubeconfig"), {
          name,
          server,
          caPem,
          token: apiServer.controllerToken,
        }),
        serviceAccountKeyPath: apiServer.serviceAccountKeyPath,
        caPath: apiServer.caPath,
        nodes: options.nodes ?? 1,
        client,
        reaper,
      });
    }
    const version = await client.request("GET", "/version");
    return {
      name,
      kubernetesVersion: version.json.gitVersion,
      server,
      caPem,
      adminToken,
      kubeconfigPath,
      kubeconfig: readFileSync(kubeconfigPath, "utf8"),
      kubectlPath,
      auditLogPath: auditLog?.path,
      get processes() {
        return [options.etcd, apiServer.process, ...controllers].map(({ name, pid }) => ({ name, pid }));
      },
      request: client.request,
      kubectl: client.kubectl,
      kubeSystemUid: client.kubeSystemUid,
      createNamespace: client.createNamespace,
      auditEvents: async () => {
        if (!auditLog) throw new Error(`${name} was started without auditLog: true`);
        return readAuditLog(auditLog.path);
      },
      stopApiServer: apiServer.stop,
      startApiServer: apiServer.start,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
