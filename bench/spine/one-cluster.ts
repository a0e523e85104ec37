import { createTestClusters } from "@muster/e2e/control-plane/test-clusters.ts";
import { eventually } from "@muster/e2e/fleet/eventually.ts";
import { type Fleet, startFleet } from "@muster/e2e/fleet/fleet.ts";
import type { FleetApp } from "@muster/e2e/fleet/fleet-app.ts";
import { configMap, configMaps } from "@muster/e2e/fleet/manifests.ts";
import { gitHttpServer } from "@muster/e2e/forge/git-http-server.ts";
import type { BenchContext } from "../define-bench.ts";
import { percentile } from "../measure/percentile.ts";
import { residentMemory } from "../measure/resident-memory.ts";
import { arrowsOf, type CommitTrace, traceOf } from "./arrows.ts";
import { BUNDLED, bundlePrograms, IMAGE_ENVIRONMENT } from "./bundled.ts";

const COMMITS = 200;
const WARM_UP_COMMITS = 10;
const DRIFTS = 200;

/** One App of one object on one cluster: a hub, an agent, an API server and a Git server on this machine. */
export async function measureOneCluster(context: BenchContext): Promise<void> {
  await bundlePrograms();
  const controlPlane = await createTestClusters({ clusters: 1, controllers: false });
  const forge = await gitHttpServer();
  let fleet: Fleet | undefined;
  try {
    fleet = await startFleet({
      clusters: controlPlane.clusters,
      forge,
      hub: { main: BUNDLED.hub, env: IMAGE_ENVIRONMENT },
      agent: { main: BUNDLED.agent, env: IMAGE_ENVIRONMENT },
    });
    const app = await fleet.newApp("shop", {
      files: { "config.yaml": configMap("config", { step: "0" }) },
      poll: "1h",
    });
    await app.released(await app.copy.head());
    await measureCommits(context, fleet, app);
    await measureDrift(context, fleet);
    const { bytes, processes, isSettled } = await residentMemory(member(fleet).agent.pid, {
      windowMs: 25_000,
      deadlineMs: 180_000,
      signal: context.signal,
    });
    context.figure("idle agent memory", { value: mebibytes(bytes), unit: "MB", goal: { max: 120 } });
    context.note(
      `The agent is ${processes} process(es), bundled${isSettled ? "" : "; its memory had not settled"}. Both programs run with MALLOC_ARENA_MAX=1.`,
    );
  } finally {
    await fleet?.stop();
    await forge.stop();
    await controlPlane.stop();
  }
}

async function measureCommits({ figure, note, signal }: BenchContext, fleet: Fleet, app: FleetApp): Promise<void> {
  const traces: CommitTrace[] = [];
  for (let commit = 0; commit < COMMITS + WARM_UP_COMMITS; commit++) {
    signal.throwIfAborted();
    const before = fleet.webhookArrivals.length;
    const id = await app.push({ "config.yaml": configMap("config", { step: String(commit + 1) }) });
    // The forge calls once it has answered the push.
    const arrived = await eventually(() => arrivalAfter(fleet, before), { everyMs: 5 });
    const trace = await eventually(() => traceOf(fleet, app, id, arrived), { everyMs: 20, deadlineMs: 20_000 });
    if (commit >= WARM_UP_COMMITS) traces.push(trace);
  }
  const seen = await app.data(member(fleet).cluster, "config");
  if (seen?.step !== String(COMMITS + WARM_UP_COMMITS)) throw new Error(`the cluster holds step ${seen?.step}`);

  const took = traces.map(({ webhook, reported }) => reported - webhook);
  figure("commit to stored report p50", { value: percentile(took, 50), unit: "ms", goal: { max: 300 } });
  figure("commit to stored report p95", { value: percentile(took, 95), unit: "ms", goal: { max: 1_000 } });
  note(
    `${COMMITS} commits, each pushed to a Git server whose webhook wakes the hub; from the webhook's arrival until the hub had stored the report that all objects are applied.`,
  );
  for (const { name, milliseconds } of arrowsOf(traces)) {
    const [p50, p95] = [percentile(milliseconds, 50), percentile(milliseconds, 95)];
    figure(`arrow: ${name} p50`, { value: p50, unit: "ms" });
    console.log(`  ${name.padEnd(44)} p50 ${String(p50).padStart(5)} ms   p95 ${String(p95).padStart(5)} ms`);
  }
}

function arrivalAfter(fleet: Fleet, index: number): number {
  const at = fleet.webhookArrivals[index];
  if (at === undefined) throw new Error("the webhook has not come by");
  return at;
}

async function measureDrift({ figure, note, signal }: BenchContext, fleet: Fleet): Promise<void> {
  const { cluster } = member(fleet);
  // An object for each edit: one that is edited again and again is a fight, which is healed ever more slowly.
  const app = await fleet.newApp("drift", { files: configMaps("config", DRIFTS, "from Git") });
  await app.released(await app.copy.head());
  const took: number[] = [];
  for (let drift = 0; drift < DRIFTS; drift++) {
    signal.throwIfAborted();
    const path = `/api/v1/namespaces/${app.namespace}/configmaps/config-${drift}`;
    const answer = await cluster.request("PATCH", `${path}?fieldManager=somebody`, {
      contentType: "application/merge-patch+json",
      body: { data: { value: "by hand" } },
    });
    if (answer.status !== 200) throw new Error(answer.text);
    const began = performance.now();
    await eventually(
      async () => {
        const { value } = (await cluster.request("GET", path)).json.data;
        if (value !== "from Git") throw new Error(`still ${value}`);
      },
      { everyMs: 4, deadlineMs: 30_000 },
    );
    took.push(performance.now() - began);
  }
  figure("drift healed p50", { value: rounded(percentile(took, 50)), unit: "ms" });
  figure("drift healed p95", { value: rounded(percentile(took, 95)), unit: "ms", goal: { max: 1_000 } });
  note(
    `${DRIFTS} objects edited by another field manager, one after the other, each until a read shows Git's value again.`,
  );
}

function member(fleet: Fleet) {
  const [only] = fleet.members;
  if (only === undefined) throw new Error("the fleet has no cluster");
  return only;
}

const rounded = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;
const mebibytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);
