import { randomBytes, randomUUID } from "node:crypto";
import type { Log } from "@muster/shared/log.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { VERSION } from "@muster/shared/version.ts";
import { createWorkerBundleOpener } from "./adapters/bundle/worker-bundle-opener.ts";
import { createHttpEnrolment } from "./adapters/join/http.ts";
import { createKeyMaker } from "./adapters/join/keys.ts";
import { createClusterLease } from "./adapters/kubernetes/lease.ts";
import { createGrpcHubLink } from "./adapters/link/grpc/create-grpc-hub-link.ts";
import { createIdentitySecret } from "./adapters/state/identity-secret.ts";
import { ensureNamespace } from "./adapters/state/secret-document.ts";
import { createSecretState } from "./adapters/state/secret-state.ts";
import { type AgentStatus, createAgent } from "./create-agent.ts";
import { keepIdentity } from "./flows/keep-identity.ts";
import type { ClusterApi } from "./ports/cluster-api.ts";

export interface AgentProcessOptions {
  readonly cluster: ClusterApi;
  /** Where the agent keeps its Secrets and its Lease. */
  readonly namespace: string;
  /** `https://…`. */
  readonly hubAddress: string;
  readonly caHash: KeyHash;
  /** Needed once; null when the cluster has joined before. */
  readonly joinToken: string | null;
  /** Who asks for the Lease; default: this process. */
  readonly leaseIdentity?: string | undefined;
  readonly log: Log;
  /** Ends the joining. */
  readonly signal?: AbortSignal;
}

export interface AgentProcess {
  status(): AgentStatus;
  /** Ends everything in reverse order. */
  close(): Promise<void>;
}

/**
 * A whole agent over one cluster's API: it joins if it has to, connects and acts. What `main.ts` and `muster up` start.
 * @throws AppError when joining fails for good.
 */
export async function createAgentProcess(options: AgentProcessOptions): Promise<AgentProcess> {
  const { cluster, namespace, log } = options;
  const clock = systemClock;
  const random = Math.random;
  const instance = randomUUID();
  const ending = new AbortController();
  // Helm makes the namespace; who runs the agent by hand may have made none.
  await ensureNamespace(cluster, namespace).catch((error) => log.debug({ err: error }, "namespace not made"));

  const hub = createHttpEnrolment({ address: options.hubAddress });
  try {
    const identity = await keepIdentity(
      {
        hub,
        store: createIdentitySecret({ api: cluster, namespace }),
        keys: createKeyMaker(),
        clusterUid: () => cluster.clusterUid(),
        caHash: options.caHash,
        joinToken: options.joinToken,
        clock,
        random: (bytes) => randomBytes(bytes),
        chance: random,
        log,
      },
      { signal: AbortSignal.any([ending.signal, ...(options.signal ? [options.signal] : [])]) },
    );
    const { hubId, clusterId, chain } = identity.current();
    const agent = createAgent({
      cluster,
      link: createGrpcHubLink({ identity: () => identity.current(), log }),
      state: createSecretState({ cluster, namespace, instance }),
      lease: createClusterLease({
        api: cluster,
        clock,
        random,
        log,
        namespace,
        name: "muster-agent",
        identity: options.leaseIdentity ?? instance,
      }),
      bundles: createWorkerBundleOpener(),
      identity: { hubId, clusterId, keySets: chain, keepKeySet: identity.keepKeySet, renewSoon: identity.renewSoon },
      clock,
      log,
      random,
      version: VERSION,
      instance,
    });
    agent.start();
    return {
      status: () => agent.status(),
      async close() {
        await agent.stop();
        ending.abort();
        await hub.close();
      },
    };
  } catch (error) {
    ending.abort();
    await hub.close();
    throw error;
  }
}
