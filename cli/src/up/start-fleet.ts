import { writeFile } from "node:fs/promises";
import type { HubProcess } from "@muster/hub/create-hub-process.ts";
import type { Log } from "@muster/shared/log.ts";
import { answered, createHubClient, type HubClient } from "../api/client.ts";
import { startLocalAgent } from "./local-agent.ts";
import { startLocalHub } from "./local-hub.ts";
import type { UpCluster } from "./up-clusters.ts";
import type { UpFolder } from "./up-state.ts";

export interface LocalFleet {
  readonly hub: HubProcess;
  readonly client: HubClient;
  close(): Promise<void>;
}

/** A hub, and an agent for each cluster. A cluster that the hub knows already gets a new token and keeps its place. */
export async function startFleet(given: {
  clusters: readonly UpCluster[];
  folder: UpFolder;
  log: Log;
  onFatal: (error: unknown) => void;
}): Promise<LocalFleet> {
  const { clusters, folder, log, onFatal } = given;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const hub = await startLocalHub({
      folder: folder.hub,
      gitEngine: "auto",
      log: log.child({ part: "hub" }),
      onFatal,
    });
    closers.push(() => hub.close());
    await writeFile(folder.caFile, hub.root, { mode: 0o600 });
    const client = createHubClient({ url: hub.address, token: hub.token, ca: hub.root });
    closers.push(() => client.close());
    for (const { name, context, api } of clusters) {
      const labels = { "muster.dev/up": context === null ? "memory" : "context" };
      const registration = await answered(client.api.POST("/v1/clusters", { body: { name, labels } }));
      const agent = await startLocalAgent({
        cluster: api,
        hubAddress: hub.address,
        caHash: hub.caHash,
        joinToken: registration.token,
        log: log.child({ part: "agent", cluster: name }),
      });
      closers.push(() => agent.close());
    }
    return { hub, client, close };
  } catch (error) {
    await close();
    throw error;
  }
}
