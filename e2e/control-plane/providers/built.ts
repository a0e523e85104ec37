import { buildTools, installGo, type Progress, progressToStderr } from "../build/build-tools.ts";
import { binaryPath, isBuilt } from "../build/cache-folder.ts";
import { goVersion } from "../build/go-build.ts";
import { startBuiltCluster } from "../cluster/built-cluster.ts";
import { startEtcd } from "../cluster/etcd.ts";
import { startReaper } from "../processes/reaper.ts";
import type {
  Availability,
  ClusterNeeds,
  ClusterOptions,
  ClusterProvider,
  ControlPlane,
  StartOptions,
  TestCluster,
} from "../provider.ts";
import { tools, toolsForClusters } from "../versions.ts";

/** Clusters of real Kubernetes processes on this machine, from binaries that Go built into the user's cache. */
export function builtProvider(options: { progress?: Progress } = {}): ClusterProvider {
  const progress = options.progress ?? progressToStderr;
  return {
    kind: "built",
    supports: { newClusters: true, stopApiServer: true, auditLog: true, apiServerFlags: true },
    available,
    prepare: (needs) => buildTools(toolsForClusters(needs?.kubernetes ?? "newest"), progress),
    start: async (start) => {
      await buildTools(toolsForClusters(start.kubernetes ?? "newest"), progress);
      return startBuiltControlPlane(start);
    },
  };
}

async function available(needs: ClusterNeeds = {}): Promise<Availability> {
  if (process.platform === "win32") {
    return { ok: false, reason: "API servers do not run on Windows", install: "use WSL, or set MUSTER_TEST_PROVIDER" };
  }
  const missing = toolsForClusters(needs.kubernetes ?? "newest").filter((name) => !isBuilt(tools[name]));
  if (missing.length === 0 || (await goVersion())) return { ok: true };
  return {
    ok: false,
    reason: `there is no Go to build ${missing.join(", ")} with`,
    install: `${installGo}, or choose other clusters with MUSTER_TEST_PROVIDER=kind|kubeconfig`,
  };
}

async function startBuiltControlPlane(start: StartOptions): Promise<ControlPlane> {
  const reaper = startReaper();
  const folder = reaper.temporaryFolder("muster-clusters");
  const clusters: TestCluster[] = [];
  let stopped: Promise<void> | undefined;
  const stopSteps: (() => unknown)[] = [() => reaper.close(), () => folder.remove()];
  const stop = () => {
    stopped ??= (async () => {
      await Promise.all(clusters.map((cluster) => cluster.stop()));
      for (const step of stopSteps.reverse()) await step();
    })();
    return stopped;
  };

  try {
    const etcd = await startEtcd({ binary: binaryPath(tools.etcd, "etcd"), folder: folder.path, reaper });
    stopSteps.push(() => etcd.stop());
    let count = 0;
    const startOne = async (options: ClusterOptions): Promise<TestCluster> => {
      count += 1;
      const name = `cluster-${count}`;
      const cluster = await startBuiltCluster({ ...options, name, folder: folder.path, etcd, reaper });
      clusters.push(cluster);
      return cluster;
    };
    // All end before a failure is answered: a cluster still starting would escape the stop.
    const results = await Promise.allSettled(Array.from({ length: start.clusters }, () => startOne(start)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
    clusters.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    return {
      provider: "built",
      clusters,
      addCluster: (options = {}) => startOne({ ...start, ...options }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
