import { createHash, randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { HubSession } from "@muster/agent/ports/hub-link.ts";
import { eventually } from "@muster/e2e/fleet/eventually.ts";
import { appDefinition, configMap, sourceDefinition } from "@muster/e2e/fleet/manifests.ts";
import { gitHttpServer } from "@muster/e2e/forge/git-http-server.ts";
import { createLinkWorld, helloOf } from "@muster/e2e/link/link-world.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import type { BenchContext } from "../define-bench.ts";
import { withHub } from "./watched-hub.ts";

const BUNDLE_BYTES = 32 * 1024 * 1024;
const HEARTBEAT_MS = 20;
const DOWNLOADS = 5;
/** Data of one object, short of what a ConfigMap may hold. */
const OBJECT_BYTES = 512 * 1024;
const OBJECTS = 60;

/** What a bundle of the largest size does to everything else: on the link, and in the hub that makes it. */
export async function measureLargeBundle(context: BenchContext): Promise<void> {
  await measureHeartbeats(context);
  await measureMaking(context);
}

/** Both ends of the real link in one process, over TLS on loopback. */
async function measureHeartbeats({ figure, note, signal }: BenchContext): Promise<void> {
  const world = await createLinkWorld();
  try {
    const bundle = randomBytes(BUNDLE_BYTES);
    const digest = `b1:sha256:${createHash("sha256").update(bundle).digest("hex")}` as Digest;
    const beats: number[] = [];
    const hub = await world.listen(
      {
        heartbeat: () => void beats.push(performance.now()),
        openBundle: async () => ({ bytes: bundle.length, read: async (from, to) => bundle.subarray(from, to) }),
      },
      { heartbeatMs: HEARTBEAT_MS },
    );
    const session = await world.agent(await world.identity(hub.endpoint)).connect(helloOf(), { signal });
    void drain(session);
    await wait(500);
    const idle = longestDelay(beats.splice(0));
    const began = performance.now();
    for (let download = 0; download < DOWNLOADS; download += 1) {
      let bytes = 0;
      for await (const chunk of session.fetchBundle(digest, { offset: 0, signal })) bytes += chunk.length;
      if (bytes !== BUNDLE_BYTES) throw new Error(`${bytes} bytes of the bundle came`);
    }
    const seconds = (performance.now() - began) / 1_000;
    const delay = longestDelay(beats);
    figure("heartbeat behind a 32 MiB bundle on the link: longest delay", {
      value: delay,
      unit: "ms",
      goal: { max: 100 },
    });
    note(
      `Heartbeats every ${HEARTBEAT_MS} ms while the bundle is fetched ${DOWNLOADS} times at ${Math.round((BUNDLE_BYTES * DOWNLOADS) / seconds / 2 ** 20)} MiB/s, hub and agent on one thread; without a bundle the longest delay was ${Math.round(idle)} ms.`,
    );
    await session.close();
  } finally {
    await world.close();
  }
}

async function drain(session: HubSession): Promise<void> {
  for await (const _ of session.messages);
}

function longestDelay(beats: readonly number[]): number {
  if (beats.length < 10) throw new Error(`only ${beats.length} heartbeats came`);
  const gaps = beats.slice(1).map((at, index) => at - (beats[index] as number));
  return Math.round(Math.max(0, Math.max(...gaps) - HEARTBEAT_MS) * 10) / 10;
}

/** From Git to a stored Release: all of it passes through the hub, and none of it through its main thread. */
async function measureMaking({ figure, signal }: BenchContext): Promise<void> {
  const forge = await gitHttpServer();
  try {
    const repository = await forge.createRepository("fleet");
    const copy = await repository.workingCopy();
    const objects = Array.from({ length: OBJECTS }, (_, index) => [
      `apps/large/config-${index}.yaml`,
      // Nothing that compresses well.
      configMap(`config-${index}`, { data: randomBytes((OBJECT_BYTES * 3) / 4).toString("base64") }),
    ]);
    await copy.commitAndPush(Object.fromEntries(objects), "A large App");
    await withHub({}, async (watched) => {
      const { hub } = watched;
      await hub.api.apply(sourceDefinition("fleet", repository.url, { poll: "1h" }));
      await eventually(async () => {
        if ((await hub.api.source("fleet")).revision === null) throw new Error("not fetched yet");
      });
      await watched.delayMs();
      const began = Date.now();
      await hub.api.apply(appDefinition("large", { source: "fleet", path: "apps/large", namespace: "default" }));
      await eventually(
        async () => {
          signal.throwIfAborted();
          if (watched.released(began).size === 0) throw new Error("not released yet");
        },
        { deadlineMs: 60_000 },
      );
      const took = Math.max(...watched.released(began).values()) - began;
      figure("an App of 30 MiB: defined → released", { value: took / 1_000, unit: "s" });
      figure("an App of 30 MiB: longest delay of the main thread", {
        value: await watched.delayMs(),
        unit: "ms",
        goal: { max: 50 },
      });
    });
  } finally {
    await forge.stop();
  }
}
