import type { Clock } from "@muster/shared/clock.ts";
import { createLog, silentLog } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { splitBundle } from "../adapters/bundle/split-bundle.ts";
import { createMemoryCluster, type MemoryCluster } from "../adapters/memory-cluster/create-memory-cluster.ts";
import { createSecretState } from "../adapters/state/secret-state.ts";
import { type Agent, type AgentDeps, createAgent } from "../create-agent.ts";
import type { BundleOpener } from "../ports/bundle-opener.ts";
import type { ClusterApi } from "../ports/cluster-api.ts";
import { FakeHub } from "./fake-hub.ts";
import { FakeLeases } from "./fake-lease.ts";

/** A cluster in memory, a hub, and as many agents as a test starts. */
export interface AgentWorld {
  readonly cluster: MemoryCluster;
  readonly hub: FakeHub;
  readonly leases: FakeLeases;
  /**
   * Another agent process of this cluster; started. `cluster` stands between it and the API server; one that `dies` is
   * not asked to stop at the end.
   */
  startAgent(opts?: { cluster?: ClusterApi; over?: Partial<AgentDeps>; dies?: boolean }): Agent;
  /** The object as it lives, or null. */
  live(kind: string, name: string, opts?: { namespace?: string; apiVersion?: string }): ReturnType<ClusterApi["get"]>;
  close(): Promise<void>;
}

/** The bundle opener without its thread. */
export const inlineOpener: BundleOpener = {
  open: async (compressed, opts) => splitBundle({ compressed, ...opts }),
  close: async () => {},
};

export function createAgentWorld({ clock = systemClock }: { clock?: Clock } = {}): AgentWorld {
  const cluster = createMemoryCluster({ clock, random: Math.random, name: "world", readyAfterMs: 1 });
  const hub = new FakeHub();
  const leases = new FakeLeases();
  const agents: Agent[] = [];
  const chain = [hub.keySet];
  let instances = 0;
  return {
    cluster,
    hub,
    leases,
    startAgent({ cluster: between = cluster.api, over = {}, dies = false } = {}) {
      const instance = `agent-${++instances}`;
      const agent = createAgent({
        cluster: { ...between, close: async () => {} },
        link: hub.link(),
        state: createSecretState({ cluster: between, namespace: "muster-system", instance }),
        lease: leases.open(),
        bundles: inlineOpener,
        identity: {
          hubId: hub.hubId,
          clusterId: hub.clusterId,
          keySets: [...chain],
          keepKeySet: async () => {},
          renewSoon: () => {},
        },
        clock,
        log: process.env.AGENT_LOG ? createLog({ name: instance, level: "debug" }) : silentLog,
        random: Math.random,
        version: "0.1.0",
        instance,
        ...over,
      });
      if (!dies) agents.push(agent);
      agent.start();
      return agent;
    },
    live: (kind, name, { namespace = "default", apiVersion = "v1" } = {}) =>
      cluster.api.get({ apiVersion, kind, namespace, name }),
    async close() {
      await Promise.all(agents.map((agent) => agent.stop()));
      await cluster.close();
    },
  };
}
