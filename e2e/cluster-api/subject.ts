import type { ClusterConnection } from "@muster/agent/adapters/kubernetes/connection.ts";
import { createKubernetesCluster } from "@muster/agent/adapters/kubernetes/create-kubernetes-cluster.ts";
import type { ClusterApiSubject } from "@muster/agent/ports/cluster-api.contract.ts";
import type { ClusterApi } from "@muster/agent/ports/cluster-api.ts";
import { silentLog } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import type { TestCluster } from "../control-plane/provider.ts";
import { startFaultProxy } from "./fault-proxy.ts";

/** A token and an address, without a kubeconfig. */
export const connectionTo = (server: string, token: string, ca?: string): ClusterConnection => {
  const tls = { ...(ca === undefined ? {} : { ca }), rejectUnauthorized: true };
  return {
    description: "test cluster",
    server,
    namespace: undefined,
    tls: async () => tls,
    authorization: async () => `Bearer ${token}`,
  };
};

export const clusterApiFor = (connection: ClusterConnection, options: { fieldManager?: string } = {}): ClusterApi =>
  createKubernetesCluster({
    connection,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    version: "test",
    ...options,
  });

/** The contract's subject on a real API server, reached through a proxy that can break. */
export async function kubernetesSubject(cluster: TestCluster): Promise<ClusterApiSubject> {
  const proxy = await startFaultProxy(cluster);
  const namespace = await cluster.createNamespace("contract");
  const api = clusterApiFor(connectionTo(proxy.server, cluster.adminToken));
  const others = new Map<string, ClusterApi>();
  const as = (manager: string): ClusterApi => {
    const known = others.get(manager);
    if (known) return known;
    const direct = connectionTo(cluster.server, cluster.adminToken, cluster.caPem);
    const other = clusterApiFor(direct, { fieldManager: manager });
    others.set(manager, other);
    return other;
  };
  return {
    api,
    namespace,
    as,
    async edit(manager, ref, change) {
      const live = await as(manager).get(ref);
      if (!live) throw new Error(`there is no ${ref.kind} ${ref.name} to edit`);
      const edited = structuredClone(live);
      change(edited);
      return as(manager).replace(edited);
    },
    async restricted() {
      const token = await readerToken(cluster, namespace);
      return clusterApiFor(connectionTo(cluster.server, token, cluster.caPem));
    },
    async interrupted(during, { forgetsHistory }) {
      proxy.cut();
      await during();
      proxy.mend({ forgetsHistory });
    },
    throttle: proxy.throttle,
    async close() {
      await Promise.all([api, ...others.values()].map((each) => each.close()));
      await proxy.close();
      await cluster.request("DELETE", `/api/v1/namespaces/${namespace}`);
    },
  };
}

/** A real token of a service account that real RBAC lets read ConfigMaps of one namespace. */
async function readerToken(cluster: TestCluster, namespace: string): Promise<string> {
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const post = async (path: string, body: object) => {
    const { status, json, text } = await cluster.request("POST", path, { body });
    if (status >= 300) throw new Error(`POST ${path}: ${status} ${text}`);
    return json;
  };
  await post(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "reader" } });
  await post(`${rbac}/roles`, {
    metadata: { name: "reader" },
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] }],
  });
  await post(`${rbac}/rolebindings`, {
    metadata: { name: "reader" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
    subjects: [{ kind: "ServiceAccount", name: "reader", namespace }],
  });
  const request = { spec: { expirationSeconds: 600 } };
  return (await post(`/api/v1/namespaces/${namespace}/serviceaccounts/reader/token`, request)).status.token;
}
