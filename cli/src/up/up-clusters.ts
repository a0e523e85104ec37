import { createKubernetesCluster } from "@muster/agent/adapters/kubernetes/create-kubernetes-cluster.ts";
import { connectKubeconfig } from "@muster/agent/adapters/kubernetes/kubeconfig.ts";
import { createMemoryCluster } from "@muster/agent/adapters/memory-cluster/create-memory-cluster.ts";
import type { ClusterApi } from "@muster/agent/ports/cluster-api.ts";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { EXIT, Failure } from "../failure.ts";
import { AGENT_NAMESPACE } from "./local-agent.ts";
import { clusterNameOf } from "./up-definitions.ts";

/** One cluster that `up` works on. */
export interface UpCluster {
  readonly name: string;
  /** Null: in memory. */
  readonly context: string | null;
  readonly version: string;
  /** Whether `muster-system` is there already, and so is not `up`'s to delete. */
  readonly hasAgentNamespace: boolean;
  /** Whether an agent has joined some hub from there. */
  readonly hasIdentity: boolean;
  readonly api: ClusterApi;
  close(): Promise<void>;
}

/** Three stand-ins, for whoever has no cluster at hand. */
export function openMemoryClusters(): Promise<readonly UpCluster[]> {
  const names = ["memory-1", "memory-2", "memory-3"];
  return Promise.all(
    names.map(async (name) => {
      const cluster = createMemoryCluster({ clock: systemClock, random: Math.random, name });
      const version = await cluster.api.version();
      const isNew = { hasAgentNamespace: false, hasIdentity: false };
      return { name, context: null, version, ...isNew, api: cluster.api, close: () => cluster.close() };
    }),
  );
}

/**
 * Connects to each context and looks who is there, before anything is done.
 * @throws Failure naming the context that does not answer, or two contexts that are one cluster.
 */
export async function openContexts(
  contexts: readonly string[],
  opts: { env: Readonly<Record<string, string | undefined>>; log: Log; version: string },
): Promise<readonly UpCluster[]> {
  const opened: UpCluster[] = [];
  const contextByUid = new Map<string, string>();
  try {
    for (const context of contexts) {
      const name = clusterNameOf(
        context,
        opened.map((cluster) => cluster.name),
      );
      const cluster = await openContext(context, name, opts);
      opened.push(cluster);
      const uid = await cluster.api.clusterUid();
      const twin = contextByUid.get(uid);
      if (twin !== undefined) throw new Failure(EXIT.usage, `The contexts ${twin} and ${context} are one cluster.`);
      contextByUid.set(uid, context);
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map((cluster) => cluster.close()));
    throw error;
  }
}

async function openContext(
  context: string,
  name: string,
  { env, log, version }: { env: Readonly<Record<string, string | undefined>>; log: Log; version: string },
): Promise<UpCluster> {
  try {
    const connection = await connectKubeconfig({ clock: systemClock, context, env });
    const api = createKubernetesCluster({ connection, clock: systemClock, random: Math.random, log, version });
    const namespace = { apiVersion: "v1", kind: "Namespace", namespace: "", name: AGENT_NAMESPACE };
    const identity = { apiVersion: "v1", kind: "Secret", namespace: AGENT_NAMESPACE, name: "muster-identity" };
    return {
      name,
      context,
      version: await api.version(),
      hasAgentNamespace: (await api.get(namespace)) !== null,
      hasIdentity: (await api.get(identity)) !== null,
      api,
      close: () => api.close(),
    };
  } catch (error) {
    const fix = isAppError(error) ? error.fix : undefined;
    throw new Failure(EXIT.failed, `The context ${context} cannot be used: ${messageOf(error)}`, { fix, cause: error });
  }
}
