import { randomBytes } from "node:crypto";
import { type Reaper, startReaper } from "../control-plane/processes/reaper.ts";
import type { TestCluster } from "../control-plane/provider.ts";
import type { Forge } from "../forge/forge.ts";
import { type AgentOptions, startAgent } from "./agent-process.ts";
import { eventually } from "./eventually.ts";
import { createFleetApp, type FleetApp, type NewAppOptions } from "./fleet-app.ts";
import { type HubOptions, type HubProcess, startHub } from "./hub-process.ts";
import type { Program } from "./program.ts";
import { startWebhookRelay } from "./webhook-relay.ts";

export interface FleetOptions {
  readonly clusters: readonly TestCluster[];
  /** Stays the caller's to stop. */
  readonly forge: Forge;
  /** Names and labels of `clusters` in the hub, in their order; without, a cluster is called and labelled by its own name. */
  readonly named?: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[];
  readonly hub?: Partial<Omit<HubOptions, "reaper" | "folder">>;
  readonly agent?: Pick<AgentOptions, "env" | "flags" | "clockOffsetMs" | "main">;
  /** Default true: answers when every cluster is connected. */
  readonly connected?: boolean;
}

/** A hub, and an agent for each cluster, all real processes. */
export interface Fleet {
  readonly hub: HubProcess;
  readonly members: readonly FleetMember[];
  readonly forge: Forge;
  /** Holds data and logs; removed at the end. */
  readonly folder: string;
  readonly reaper: Reaper;
  /** When each webhook of the forge came by on its way to the hub, milliseconds since 1970. */
  readonly webhookArrivals: readonly number[];
  /** A repository, a namespace and, unless told otherwise, a Source and an App applied. */
  newApp(prefix?: string, options?: NewAppOptions): Promise<FleetApp>;
  untilConnected(): Promise<void>;
  /** Registers one more cluster and starts its agent. */
  addMember(cluster: TestCluster, options?: { name?: string; labels?: Record<string, string> }): Promise<FleetMember>;
  /** What the programs logged last, for a failed test. */
  stop(): Promise<void>;
}

export interface FleetMember {
  /** Of the cluster in the hub. */
  readonly name: string;
  readonly cluster: TestCluster;
  readonly agent: Program;
  /** The namespace of the agent's own Secrets and Lease. */
  readonly namespace: string;
  /** One more agent process of this cluster, with the same identity; started. */
  addAgent(options?: Pick<AgentOptions, "env" | "flags" | "clockOffsetMs">): Promise<Program>;
}

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const reaper = startReaper();
  const id = randomBytes(3).toString("hex");
  const folder = reaper.temporaryFolder("muster-fleet");
  const agents: Program[] = [];
  const members: FleetMember[] = [];
  let stopRelay: (() => Promise<void>) | undefined;
  let hub: HubProcess | undefined;

  const stopAll = async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await hub?.stop();
    await stopRelay?.();
    folder.remove();
    await reaper.close();
  };
  try {
    const running = await startHub({ ...options.hub, reaper, folder: folder.path });
    hub = running;
    const relay = await startWebhookRelay(running);
    stopRelay = relay.stop;
    let apps = 0;

    const addMember: Fleet["addMember"] = async (cluster, { name = cluster.name, labels } = {}) => {
      const { token, caHash } = await running.api.register(name, labels ?? { name });
      const namespace = `muster-system-${id}`;
      await cluster.request("POST", "/api/v1/namespaces", { body: { metadata: { name: namespace } } });
      const run = async (agentName: string, extra: Partial<AgentOptions> = {}) => {
        const agent = await startAgent({
          reaper,
          folder: folder.path,
          name: agentName,
          cluster,
          namespace,
          join: { hubAddress: running.url, caHash, token },
          ...options.agent,
          ...extra,
        });
        agents.push(agent);
        return agent;
      };
      const agent = await run(`agent-${name}`);
      let more = 1;
      const addAgent: FleetMember["addAgent"] = (extra) => {
        more += 1;
        return run(`agent-${name}-${more}`, extra);
      };
      const member = { name, cluster, agent, namespace, addAgent };
      members.push(member);
      return member;
    };
    const fleet: Fleet = {
      hub: running,
      members,
      forge: options.forge,
      folder: folder.path,
      reaper,
      webhookArrivals: relay.arrivals,
      addMember,
      newApp: (prefix = "app", appOptions) => {
        apps += 1;
        const place = {
          api: () => running.api,
          forge: options.forge,
          clusters: members.map(({ cluster }) => cluster),
          webhookUrl: (source: string) => `${relay.url}/hooks/default/${source}`,
          webhookSecret: running.webhookSecret,
        };
        return createFleetApp(place, `${prefix}-${id}-${apps}`, appOptions);
      },
      untilConnected: () =>
        eventually(
          async () => {
            const { clusters } = await running.api.status();
            const away = clusters
              .filter(({ state }) => state !== "Connected")
              .map(({ name, state }) => `${name} ${state}`);
            if (away.length > 0) throw new Error(`not connected: ${away.join(", ")}`);
          },
          { deadlineMs: 60_000 },
        ),
      stop: stopAll,
    };
    for (const [index, cluster] of options.clusters.entries()) await addMember(cluster, options.named?.[index]);
    if (options.connected !== false) await fleet.untilConnected();
    return fleet;
  } catch (error) {
    if (error instanceof Error) error.message += logsOf([...(hub ? [hub] : []), ...agents]);
    await stopAll();
    throw error;
  }
}

/** The warnings and errors that the programs logged last, a line each. */
export function logsOf(programs: readonly Program[]): string {
  return programs
    .map((program) => {
      const lines = program
        .logEvents()
        .filter(({ level }) => level === "warn" || level === "error")
        .slice(-8)
        .map(({ time, level, msg, err, name: _name, ...ids }) => {
          const { message } = (err ?? {}) as { message?: string };
          return `  ${time} ${level} ${msg}${message ? `: ${message}` : ""} ${JSON.stringify(ids)}`;
        });
      return `\n${program.name}:\n${lines.join("\n")}`;
    })
    .join("");
}
