// Agents on clusters in memory, all in this process, over the real link to the hub that the first line of the input
// names. It ends when its input does, so it never outlives whoever started it.
import { createInterface } from "node:readline";
import { createMemoryCluster } from "@muster/agent/adapters/memory-cluster/create-memory-cluster.ts";
import { startLocalAgent } from "@muster/cli/up/local-agent.ts";
import { createLog } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";

export interface MemoryAgents {
  readonly hubAddress: string;
  readonly clusters: { readonly name: string; readonly token: string; readonly caHash: string }[];
}

const lines = createInterface({ input: process.stdin });
const [first] = await new Promise<[string]>((resolve) => lines.once("line", (line) => resolve([line])));
const ended = new Promise((resolve) => lines.once("close", resolve));
const input = JSON.parse(first) as MemoryAgents;
const log = createLog({ name: "agents", level: "warn" });
const agents = await Promise.all(
  input.clusters.map(({ name, token, caHash }) => {
    const cluster = createMemoryCluster({ clock: systemClock, random: Math.random, name, readyAfterMs: 0 });
    return startLocalAgent({
      cluster: cluster.api,
      hubAddress: input.hubAddress,
      caHash,
      joinToken: token,
      log: log.child({ cluster: name }),
    });
  }),
);
await ended;
for (const agent of agents) await agent.close();
process.exit();
