import type { RequestOptions } from "node:https";
import { resolve } from "node:path";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { ClusterConnection, ConnectionTls } from "./connection.ts";
import type { KubeconfigUser } from "./kubeconfig.ts";

/**
 * Credentials that a program (`exec`) or a provider (OIDC, cloud) makes: what `@kubernetes/client-node` knows how to
 * ask for. It is loaded here only, since it is heavy and an agent in its cluster has no use for it.
 */
export async function pluginCredentials(given: {
  user: KubeconfigUser;
  folder: string;
  server: string;
  clusterTls: ConnectionTls;
}): Promise<Pick<ClusterConnection, "tls" | "authorization">> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const make = () => {
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: "cluster", server: given.server, skipTLSVerify: !given.clusterTls.rejectUnauthorized }],
      users: [{ name: "user", exec: execOf(given), authProvider: given.user["auth-provider"] ?? undefined }],
      contexts: [{ name: "context", cluster: "cluster", user: "user" }],
      currentContext: "context",
    });
    return config;
  };

  let config = make();
  let tls: ConnectionTls = given.clusterTls;
  let pending: Promise<string | undefined> | undefined;

  const ask = async (): Promise<string | undefined> => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (cause) {
      const program = given.user.exec?.command ?? given.user["auth-provider"]?.name;
      throw new AppError("unauthenticated", `the credential plug-in ${program} failed: ${messageOf(cause)}`, { cause });
    }
    const { cert, key } = options;
    if (cert && key && (String(cert) !== tls.cert || String(key) !== tls.key)) {
      tls = { ...given.clusterTls, cert: String(cert), key: String(key) };
    }
    const headers = (options.headers ?? {}) as Record<string, string | undefined>;
    return headers.Authorization ?? headers.authorization;
  };
  // A plug-in can take seconds and open a browser: one run serves all who ask meanwhile. Fresh answers are cached
  // inside the library until they expire.
  const askOnce = () => {
    pending ??= ask().finally(() => {
      pending = undefined;
    });
    return pending;
  };

  return {
    async tls() {
      await askOnce();
      return tls;
    },
    authorization({ isRefused }) {
      // The library keeps a token until it expires, also one that was revoked.
      if (isRefused && !pending) config = make();
      return askOnce();
    },
  };
}

function execOf({ user, folder, server }: { user: KubeconfigUser; folder: string; server: string }) {
  if (!user.exec) return undefined;
  const { command, env } = user.exec;
  // Plug-ins expect to be told what is asked of them; the library leaves that out.
  const info = {
    apiVersion: user.exec.apiVersion ?? "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    spec: { interactive: false, cluster: { server } },
  };
  return {
    ...user.exec,
    // As kubectl has it: a command with a slash in it is relative to the file that names it.
    command: /[/\\]/.test(command) ? resolve(folder, command) : command,
    env: [...(Array.isArray(env) ? env : []), { name: "KUBERNETES_EXEC_INFO", value: JSON.stringify(info) }],
  };
}
