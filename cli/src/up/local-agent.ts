import { randomBytes, randomUUID } from "node:crypto";
import { createWorkerBundleOpener } from "@muster/agent/adapters/bundle/worker-bundle-opener.ts";
import { createHttpEnrolment } from "@muster/agent/adapters/join/http.ts";
import { createKeyMaker } from "@muster/agent/adapters/join/keys.ts";
import { createClusterLease } from "@muster/agent/adapters/kubernetes/lease.ts";
import { createGrpcHubLink } from "@muster/agent/adapters/link/grpc/create-grpc-hub-link.ts";
import { createIdentitySecret } from "@muster/agent/adapters/state/identity-secret.ts";
import { ensureNamespace } from "@muster/agent/adapters/state/secret-document.ts";
import { createSecretState } from "@muster/agent/adapters/state/secret-state.ts";
import { createAgent } from "@muster/agent/create-agent.ts";
import { keepIdentity } from "@muster/agent/flows/keep-identity.ts";
import type { ClusterApi } from "@muster/agent/ports/cluster-api.ts";
import type { Log } from "@muster/shared/log.ts";
import { keyHash } from "@muster/shared/model/joining.ts";
import { systemClock } from "@muster/shared/system-clock.ts";

/** Where an agent keeps its Secrets and its Lease in a cluster. */
export const AGENT_NAMESPACE = "muster-system";

export interface LocalAgentOptions {
  readonly cluster: ClusterApi;
  readonly hubAddress: string;
  readonly caHash: string;
  readonly joinToken: string | null;
  readonly version: string;
  readonly log: Log;
}

/** A whole agent inside this process: it joins, connects and acts, like one in a pod would. */
export async function startLocalAgent(options: LocalAgentOptions): Promise<{ stop(): Promise<void> }> {
  const { cluster, log, version } = options;
  const clock = systemClock;
  const namespace = AGENT_NAMESPACE;
  const instance = randomUUID();
  const stopping = new AbortController();
  await ensureNamespace(cluster, namespace);
  const hub = createHttpEnrolment({ address: options.hubAddress });
  const identity = await keepIdentity(
    {
      hub,
      store: createIdentitySecret({ api: cluster, namespace }),
      keys: createKeyMaker(),
      clusterUid: () => cluster.clusterUid(),
      caHash: keyHash.parse(options.caHash),
      joinToken: options.joinToken,
      clock,
      random: (bytes) => randomBytes(bytes),
      chance: Math.random,
      log,
    },
    { signal: stopping.signal },
  );
  const { hubId, clusterId, chain } = identity.current();
  const agent = createAgent({
    cluster,
    link: createGrpcHubLink({ identity: () => identity.current(), log }),
    state: createSecretState({ cluster, namespace, instance }),
    lease: createClusterLease({
      api: cluster,
      clock,
      random: Math.random,
      log,
      namespace,
      name: "muster-agent",
      identity: instance,
    }),
    bundles: createWorkerBundleOpener(),
    identity: {
      hubId,
      clusterId,
      keySets: chain,
      keepKeySet: (signed) => identity.keepKeySet(signed),
      renewSoon: () => identity.renewSoon(),
    },
    clock,
    log,
    random: Math.random,
    version,
    instance,
  });
  agent.start();
  return {
    async stop() {
      await agent.stop();
      stopping.abort();
      await hub.close();
    },
  };
}
