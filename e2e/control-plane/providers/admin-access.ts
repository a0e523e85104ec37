import type { KubeconfigContent } from "../cluster/kubeconfig-file.ts";
import type { Execute } from "./execute.ts";

/** How to reach a cluster that somebody else set up, in the one form that all test clusters have. */
export interface KubeconfigContext {
  readonly server: string;
  readonly caPem: string;
  /** Undefined where the user authenticates another way (certificate, plugin). */
  readonly token: string | undefined;
}

export interface Kubectl {
  readonly path: string;
  readonly kubeconfigPath: string;
  /** Default: the current context. */
  readonly context?: string | undefined;
  readonly execute: Execute;
}

const kubectl = (access: Kubectl, args: readonly string[], stdin?: string): Promise<string> =>
  access.execute(
    access.path,
    ["--kubeconfig", access.kubeconfigPath, ...(access.context ? ["--context", access.context] : []), ...args],
    stdin === undefined ? {} : { stdin },
  );

/** kubectl itself reads the file, so that every form of kubeconfig works that works for the user. */
export async function readContext(access: Kubectl): Promise<KubeconfigContext> {
  const text = await kubectl(access, ["config", "view", "--raw", "--minify", "--flatten", "--output=json"]);
  const config = JSON.parse(text);
  const cluster = config.clusters?.[0]?.cluster;
  if (!cluster?.server) {
    throw new Error(`${access.kubeconfigPath} has no usable context ${access.context ?? "(current)"}`);
  }
  const ca = cluster["certificate-authority-data"];
  return {
    server: cluster.server.replace(/\/$/, ""),
    caPem: ca ? Buffer.from(ca, "base64").toString() : "",
    token: config.users?.[0]?.user?.token,
  };
}

/**
 * A token with every right, of a service account in `namespace`. The binding is owned by the namespace, so that
 * deleting the namespace takes it along and nothing else ever needs deleting.
 */
export async function createAdminToken(access: Kubectl, namespace: string): Promise<string> {
  const uid = (await kubectl(access, ["get", "namespace", namespace, "--output=jsonpath={.metadata.uid}"])).trim();
  const owner = { apiVersion: "v1", kind: "Namespace", name: namespace, uid };
  const list = {
    apiVersion: "v1",
    kind: "List",
    items: [
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "muster-test-admin", namespace } },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: `muster-test-admin-${namespace}`, ownerReferences: [owner] },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
        subjects: [{ kind: "ServiceAccount", name: "muster-test-admin", namespace }],
      },
    ],
  };
  await kubectl(access, ["apply", "--filename=-"], JSON.stringify(list));
  const token = await kubectl(access, [
    "create",
    "token",
    "muster-test-admin",
    `--namespace=${namespace}`,
    "--duration=24h",
  ]);
  return token.trim();
}

export const createNamespace = (access: Kubectl, name: string): Promise<string> =>
  kubectl(access, ["create", "namespace", name]);

/** The same cluster with a token instead of whatever the user authenticates with. */
export const withToken = (name: string, context: KubeconfigContext, token: string): KubeconfigContent => ({
  name,
  server: context.server,
  caPem: context.caPem,
  token,
});
