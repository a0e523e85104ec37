import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Instant } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { ClusterConnection, ConnectionTls } from "./connection.ts";

export interface InClusterOptions {
  readonly clock: Clock;
  /** Where Kubernetes mounts the service account's `token`, `ca.crt` and `namespace`. */
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
/** The kubelet replaces a projected token at 80 % of its life, at least ten minutes long: a minute late is early enough. */
const REREAD_MS = 60_000;

/**
 * The API server of the cluster this pod runs in, as its service account.
 * @throws AppError "unsupported" when this is no pod, or the pod has no service account mounted.
 */
export async function connectInCluster(options: InClusterOptions): Promise<ClusterConnection> {
  const { clock, folder = SERVICE_ACCOUNT_FOLDER, env = process.env } = options;
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  if (!host || !port) {
    throw new AppError("unsupported", "not inside a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set", {
      fix: "Run the agent as a pod, or name a kubeconfig context.",
    });
  }
  const token = rereadFile(join(folder, "token"), clock);
  const ca = rereadFile(join(folder, "ca.crt"), clock);
  await Promise.all([token.read(), ca.read()]);
  const namespace = await readFile(join(folder, "namespace"), "utf8").catch(() => undefined);

  let tls: ConnectionTls | undefined;
  return {
    description: "in-cluster",
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: namespace?.trim(),
    async tls() {
      const text = await ca.read();
      if (tls?.ca !== text) tls = { ca: text, rejectUnauthorized: true };
      return tls;
    },
    async authorization({ isRefused }) {
      return `Bearer ${await token.read({ isStale: isRefused })}`;
    },
  };
}

export interface RereadFile {
  /** The trimmed content, at most a minute old. A file that cannot be read any more keeps its last content. */
  read(opts?: { isStale?: boolean }): Promise<string>;
}

export function rereadFile(path: string, clock: Clock): RereadFile {
  let last: { text: string; readAt: Instant } | undefined;
  return {
    async read({ isStale = false } = {}) {
      const age = last ? clock.now() - last.readAt : Number.POSITIVE_INFINITY;
      // A negative age is a clock that was set back.
      if (last && !isStale && age >= 0 && age < REREAD_MS) return last.text;
      try {
        last = { text: (await readFile(path, "utf8")).trim(), readAt: clock.now() };
      } catch (cause) {
        if (!last) throw new AppError("unsupported", `cannot read ${path}`, { cause });
      }
      return last.text;
    },
  };
}
