import { randomBytes, randomUUID } from "node:crypto";
import { createHttpEnrolment } from "@muster/agent/adapters/join/http.ts";
import { createKeyMaker } from "@muster/agent/adapters/join/keys.ts";
import { createClusterLease } from "@muster/agent/adapters/kubernetes/lease.ts";
import { createGrpcHubLink } from "@muster/agent/adapters/link/grpc/create-grpc-hub-link.ts";
import {
  createMemoryCluster,
  type MemoryCluster,
} from "@muster/agent/adapters/memory-cluster/create-memory-cluster.ts";
import { createIdentitySecret } from "@muster/agent/adapters/state/identity-secret.ts";
import { ensureNamespace } from "@muster/agent/adapters/state/secret-document.ts";
import { createSecretState } from "@muster/agent/adapters/state/secret-state.ts";
import { createAgent } from "@muster/agent/create-agent.ts";
import { keepIdentity } from "@muster/agent/flows/keep-identity.ts";
import type { ClusterLease } from "@muster/agent/ports/agent-state.ts";
import type { BundleOpener } from "@muster/agent/ports/bundle-opener.ts";
import { silentLog } from "@muster/shared/log.ts";
import { keyHash } from "@muster/shared/model/joining.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import type { HubProcess } from "./hub-process.ts";

/** An agent inside the test's process on a cluster in memory: real in all that the hub gets to see of it. */
export interface MemoryAgent {
  readonly name: string;
  readonly cluster: MemoryCluster;
  readonly hubId: string;
  readonly clusterId: string;
  stop(): Promise<void>;
}

/** Registers, joins and connects over the real link. `bundles` is shared: a hundred threads would be too many. */
export async function startMemoryAgent(
  hub: Pick<HubProcess, "api" | "url">,
  name: string,
  bundles: BundleOpener,
  options: { readonly lease?: ClusterLease } = {},
): Promise<MemoryAgent> {
  const [clock, log, namespace, instance] = [systemClock, silentLog, "muster-system", randomUUID()];
  const cluster = createMemoryCluster({ clock, random: Math.random, name });
  const { api } = cluster;
  await ensureNamespace(api, namespace);
  const { token, caHash } = await hub.api.register(name);
  const enrolment = createHttpEnrolment({ address: hub.url });
  const stopping = new AbortController();
  const identity = await keepIdentity(
    {
      hub: enrolment,
      store: createIdentitySecret({ api, namespace }),
      keys: createKeyMaker(),
      clusterUid: () => api.clusterUid(),
      caHash: keyHash.parse(caHash),
      joinToken: token,
      clock,
      random: (bytes) => randomBytes(bytes),
      chance: Math.random,
      log,
    },
    { signal: stopping.signal },
  );
  const { hubId, clusterId, chain } = identity.current();
  const agent = createAgent({
    cluster: api,
    link: createGrpcHubLink({ identity: () => identity.current(), log }),
    state: createSecretState({ cluster: api, namespace, instance }),
    lease:
      options.lease ??
      createClusterLease({
        api,
        clock,
        random: Math.random,
        log,
        namespace,
        name: "muster-agent",
        identity: instance,
      }),
    bundles: { ...bundles, close: async () => {} },
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
    version: "0.1.0",
    instance,
  });
  agent.start();
  return {
    name,
    cluster,
    hubId,
    clusterId,
    async stop() {
      stopping.abort();
      await agent.stop();
      await enrolment.close();
      await cluster.close();
    },
  };
}
