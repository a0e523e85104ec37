import { setTimeout as pause } from "node:timers/promises";
import { createKubernetesCluster } from "@muster/agent/adapters/kubernetes/create-kubernetes-cluster.ts";
import { createClusterLease } from "@muster/agent/adapters/kubernetes/lease.ts";
import type { ClusterApi } from "@muster/agent/ports/cluster-api.ts";
import { type ClusterLeaseSubject, clusterLeaseContract } from "@muster/agent/ports/cluster-lease.contract.ts";
import { silentLog } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { expect } from "vitest";
import { describeWithClusters } from "../control-plane/describe-with-clusters.ts";
import type { TestCluster } from "../control-plane/provider.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { clusterApiFor, connectionTo } from "./subject.ts";

/** Short, so that the suite is; the proportions are those of the defaults. */
const times = { durationMs: 3_000, renewDeadlineMs: 1_500, writeTimeoutMs: 1_500, retryMs: 400 };

await describeWithClusters("Lease on a real API server", { clusters: 1, controllers: false }, (controlPlane) => {
  clusterLeaseContract(() => leaseSubject(controlPlane().clusters[0] as TestCluster));
});

async function leaseSubject(cluster: TestCluster): Promise<ClusterLeaseSubject> {
  const namespace = await cluster.createNamespace("lease");
  const proxies = new Map<string, FaultProxy>();
  const apis: ClusterApi[] = [];
  // Listening takes a moment, and holders are made without one.
  for (const identity of ["a", "b", "nobody"]) proxies.set(identity, await startFaultProxy(cluster));
  const proxyOf = (identity: string) => proxies.get(identity) as FaultProxy;
  const api = clusterApiFor(connectionTo(cluster.server, cluster.adminToken, cluster.caPem));
  const ref = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace, name: "muster-agent" };
  return {
    api,
    ref,
    holder(identity) {
      const own = createKubernetesCluster({
        connection: connectionTo(proxyOf(identity).server, cluster.adminToken),
        clock: systemClock,
        random: Math.random,
        log: silentLog,
        version: "test",
        readTimeoutMs: times.writeTimeoutMs,
        writeTimeoutMs: times.writeTimeoutMs,
      });
      apis.push(own);
      const { name } = ref;
      return createClusterLease({
        api: own,
        clock: systemClock,
        random: Math.random,
        log: silentLog,
        namespace,
        name,
        identity,
        ...times,
      });
    },
    cutOff: (identity) => proxyOf(identity).cut(),
    mend: (identity) => proxyOf(identity).mend({ forgetsHistory: false }),
    async passUntil(isReached) {
      const end = Date.now() + 4 * times.durationMs;
      while (!(await isReached())) {
        if (Date.now() > end) expect.fail("it did not come to pass within four durations of the Lease");
        await pause(20);
      }
    },
    // What is tested is time itself: nothing must happen while it passes.
    pass: (share) => pause(share * times.durationMs),
    async close() {
      await Promise.all([api, ...apis].map((each) => each.close()));
      await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
    },
  };
}
