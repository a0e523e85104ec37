import { spawn } from "node:child_process";
import { join } from "node:path";
import { startReaper } from "@muster/e2e/control-plane/processes/reaper.ts";
import { eventually } from "@muster/e2e/fleet/eventually.ts";
import { startHub } from "@muster/e2e/fleet/hub-process.ts";
import { appDefinition, configMap, sourceDefinition } from "@muster/e2e/fleet/manifests.ts";
import { gitHttpServer } from "@muster/e2e/forge/git-http-server.ts";
import type { BenchContext } from "../define-bench.ts";
import { residentMemory } from "../measure/resident-memory.ts";
import { BUNDLED, IMAGE_ENVIRONMENT } from "./bundled.ts";
import type { MemoryAgents } from "./memory-agents.ts";

const APPS = 1_000;
const CLUSTERS = 10;

/** What the hub holds when it leads 1,000 Apps on 10 connected clusters and nothing happens. */
export async function measureThousandApps({ figure, note, signal }: BenchContext): Promise<void> {
  const reaper = startReaper();
  const folder = reaper.temporaryFolder("muster-bench");
  const forge = await gitHttpServer();
  let agents: ReturnType<typeof spawn> | undefined;
  const hub = await startHub({ reaper, folder: folder.path, main: BUNDLED.hub, env: IMAGE_ENVIRONMENT });
  try {
    const repository = await forge.createRepository("fleet");
    const copy = await repository.workingCopy();
    const names = Array.from({ length: APPS }, (_, index) => `app-${index}`);
    const files = names.map((name) => [`apps/${name}/config.yaml`, configMap(name, { of: name })] as const);
    const commit = await copy.commitAndPush(Object.fromEntries(files), "A thousand Apps");

    const join: MemoryAgents = { hubAddress: hub.url, clusters: [] };
    for (let index = 0; index < CLUSTERS; index++) {
      const name = `cluster-${index}`;
      const { token, caHash } = await hub.api.register(name);
      join.clusters.push({ name, token, caHash });
    }
    agents = startAgents(join);
    await hub.api.apply(sourceDefinition("fleet", repository.url, { poll: "10m" }));
    const began = performance.now();
    for (let from = 0; from < APPS; from += 250) {
      const some = names.slice(from, from + 250);
      await hub.api.apply(
        ...some.map((name) => appDefinition(name, { source: "fleet", path: `apps/${name}`, namespace: "default" })),
      );
    }
    await eventually(
      async () => {
        signal.throwIfAborted();
        const apps = await hub.api.apps();
        const done = apps.filter(({ release, summary }) => release?.commit === commit && summary.healthy === CLUSTERS);
        if (done.length < APPS) throw new Error(`${done.length} of ${APPS} Apps are Healthy on all clusters`);
      },
      { deadlineMs: 10 * 60_000, everyMs: 2_000 },
    );
    figure("1,000 Apps on 10 clusters, applied to Healthy", {
      value: Math.round((performance.now() - began) / 100) / 10,
      unit: "s",
    });
    const { bytes, isSettled } = await residentMemory(hub.pid, { deadlineMs: 180_000, windowMs: 20_000, signal });
    figure("idle hub memory, 1,000 Apps and 10 clusters", {
      value: Math.round(bytes / 1024 / 1024),
      unit: "MB",
      goal: { max: 200 },
    });
    note(
      `The ten clusters of the memory figure are in memory, in one process beside the hub, over the real link${isSettled ? "" : "; memory had not settled"}.`,
    );
  } finally {
    await endOf(agents);
    await hub.stop();
    await forge.stop();
    folder.remove();
    await reaper.close();
  }
}

function startAgents(input: MemoryAgents): ReturnType<typeof spawn> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "memory-agents.ts")], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  child.stdin?.write(`${JSON.stringify(input)}\n`);
  return child;
}

/** It ends when its input does. */
async function endOf(child: ReturnType<typeof spawn> | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.stdin?.end();
  await exited;
}
