import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryCluster } from "@muster/agent/adapters/memory-cluster/create-memory-cluster.ts";
import type { Log } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { Agent, request } from "undici";
import { createHubClient } from "../api/client.ts";
import { startLocalAgent } from "../up/local-agent.ts";
import { startLocalHub } from "../up/local-hub.ts";
import { createDemoRepository } from "./demo-repository.ts";
import type { DemoFleet } from "./story.ts";

export const CLUSTER_NAMES = ["paris", "denver", "osaka"] as const;

export interface OpenDemo {
  readonly fleet: DemoFleet;
  /** Stops everything in reverse order and removes what was written. */
  close(): Promise<void>;
}

/**
 * Hub, repository and clusters of the demo, in a temporary folder that goes with them. The parts are the product's own
 * (gRPC over mutual TLS, SQLite, signed assignments); only the clusters are stand-ins.
 */
export async function openDemoFleet(options: {
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly pause: () => Promise<void>;
  readonly onFatal: (error: unknown) => void;
}): Promise<OpenDemo> {
  const { log, signal } = options;
  const closers: (() => Promise<unknown> | unknown)[] = [];
  const close = async () => {
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), "muster-demo-"));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    const repository = await createDemoRepository(join(folder, "fleet"));
    const clusters = CLUSTER_NAMES.map((name) =>
      createMemoryCluster({ clock: systemClock, random: Math.random, name, readyAfterMs: 400 }),
    );
    closers.push(() => Promise.all(clusters.map((cluster) => cluster.close())));
    const webhookSecret = randomBytes(24).toString("base64url");
    const hub = await startLocalHub({
      folder: join(folder, "hub"),
      gitEngine: "isomorphic",
      webhookSecret,
      log: log.child({ part: "hub" }),
      onFatal: options.onFatal,
    });
    closers.push(() => hub.close());
    const client = createHubClient({ url: hub.address, token: hub.token, ca: hub.root });
    closers.push(() => client.close());
    const dispatcher = new Agent({ connect: { ca: hub.root } });
    closers.push(() => dispatcher.close());

    const fleet: DemoFleet = {
      hub: client,
      repository,
      clusters,
      webhookSecret,
      pause: options.pause,
      signal,
      async startAgent(cluster, registration) {
        const agent = await startLocalAgent({
          cluster: cluster.api,
          hubAddress: registration.hubAddress,
          caHash: registration.caHash,
          joinToken: registration.token,
          log: log.child({ part: "agent", cluster: cluster.name }),
        });
        closers.push(() => agent.close());
      },
      async postHook(path, body, signature) {
        const headers = { "content-type": "application/json", "x-hub-signature-256": signature };
        const answer = await request(`${hub.address}${path}`, { method: "POST", body, headers, dispatcher });
        await answer.body.dump();
        return answer.statusCode;
      },
    };
    return { fleet, close };
  } catch (error) {
    await close();
    throw error;
  }
}
