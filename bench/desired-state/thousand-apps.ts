import { setTimeout as wait } from "node:timers/promises";
import { answered } from "@muster/cli/api/client.ts";
import { eventually } from "@muster/e2e/fleet/eventually.ts";
import { appDefinition, configMap, sourceDefinition } from "@muster/e2e/fleet/manifests.ts";
import { gitHttpServer } from "@muster/e2e/forge/git-http-server.ts";
import type { BenchContext } from "../define-bench.ts";
import { countingProxy } from "../measure/counting-proxy.ts";
import { percentile } from "../measure/percentile.ts";
import { type WatchedHub, withHub } from "./watched-hub.ts";

const APPS = 1_000;
const FILES_EACH = 20;
const COMMITS = 60;
const WARM_UP = 10;
const POLLS = 40;

const nameOf = (index: number): string => `app-${index}`;

/** 1,000 Apps in one repository of 20,000 files: a cold start, single commits, idle polls and a warm restart. */
export async function measureThousandApps(context: BenchContext): Promise<void> {
  const { figure, note, signal } = context;
  const forge = await gitHttpServer();
  const proxy = await countingProxy(Number(new URL(forge.url).port));
  try {
    const repository = await forge.createRepository("fleet");
    const copy = await repository.workingCopy();
    const files: Record<string, string> = {};
    for (let app = 0; app < APPS; app += 1) {
      for (let file = 0; file < FILES_EACH; file += 1) {
        files[`apps/${nameOf(app)}/config-${file}.yaml`] = configMap(`config-${file}`, { of: nameOf(app) });
      }
    }
    await copy.commitAndPush(files, "A thousand Apps");
    const url = `http://127.0.0.1:${proxy.port}/fleet.git`;

    await withHub({}, async (watched) => {
      const { hub } = watched;
      // Everything is defined, and nothing could be fetched yet: what a hub finds that starts for the first time.
      await forge.fail("unreachable");
      for (let from = 0; from < APPS; from += 250) {
        const some = Array.from({ length: 250 }, (_, index) => nameOf(from + index));
        await hub.api.apply(
          ...some.map((name) => appDefinition(name, { source: "fleet", path: `apps/${name}`, namespace: "default" })),
        );
      }
      await hub.api.apply(sourceDefinition("fleet", url, { poll: "1h" }));
      await hub.stop();
      await forge.recover();

      const began = Date.now();
      await hub.start();
      // Until it is ready it loads its own program.
      await watched.delayMs();
      await eventually(async () => enough(watched.released(began).size), { deadlineMs: 180_000, everyMs: 250 });
      const cold = Math.max(...watched.released(began).values()) - began;
      figure("cold start of 1,000 plain Apps: process started → all released", {
        value: cold / 1_000,
        unit: "s",
        goal: { max: 15 },
      });
      await quiet(watched);
      figure("cold start: longest delay of the main thread", {
        value: await watched.delayMs(),
        unit: "ms",
        goal: { max: 50 },
      });

      await measureCommits(context, watched, (index, step) =>
        copy.commitAndPush(
          { [`apps/${nameOf(index)}/config-0.yaml`]: configMap("config-0", { step }) },
          `Step ${step}`,
        ),
      );
      await measurePolls(context, watched, () => proxy.bytes());

      const releases = watched.released().size;
      const restarted = Date.now();
      await hub.restart();
      await watched.delayMs();
      await eventually(async () => {
        const { count } = await watched.arrow("compare");
        if (count === 0) throw new Error("not compared yet");
      });
      await quiet(watched);
      figure("warm restart with nothing changed: renders", {
        value: await watched.counter("renders"),
        unit: "",
        goal: { max: 0 },
      });
      figure("warm restart: new Releases", { value: watched.released(restarted).size, unit: "", goal: { max: 0 } });
      figure("warm restart: longest delay of the main thread", {
        value: await watched.delayMs(),
        unit: "ms",
        goal: { max: 50 },
      });
      note(
        `1,000 Apps: ${FILES_EACH} manifests each, over git http-backend on loopback. The hub is a process of its own as it is shipped, with two threads that render; a cold start includes its own start and the first clone. ${releases} Apps were released.`,
      );
    });
    signal.throwIfAborted();
  } finally {
    await proxy.close();
    await forge.stop();
  }
}

function enough(count: number): void {
  if (count < APPS) throw new Error(`${count} of ${APPS} Apps are released`);
}

/** Until nothing has been rendered or planned for a while. */
async function quiet({ hub }: WatchedHub): Promise<void> {
  let before = "";
  await eventually(
    async () => {
      const text = await hub.metrics();
      const now = text
        .split("\n")
        .filter((line) => /^muster_hub_.*(_total|_count)/.test(line))
        .join("\n");
      const isSame = now === before;
      before = now;
      if (!isSame) throw new Error("still at work");
    },
    { everyMs: 1_500, deadlineMs: 120_000 },
  );
}

/** A commit touches one App's directory; the Source is woken as by a webhook. */
async function measureCommits(
  { figure, signal }: BenchContext,
  watched: WatchedHub,
  commit: (app: number, step: string) => Promise<string>,
): Promise<void> {
  const { hub } = watched;
  const fetchedToReleased: number[] = [];
  const wokenToReleased: number[] = [];
  const delays: number[] = [];
  const before = { renders: 0, releases: 0 };
  for (let step = 0; step < WARM_UP + COMMITS; step += 1) {
    signal.throwIfAborted();
    if (step === WARM_UP) {
      before.renders = await watched.counter("renders");
      before.releases = await watched.counter("releases");
    }
    const app = (step * 131) % APPS;
    const id = await commit(app, String(step));
    await watched.delayMs();
    await hub.api.refresh("fleet");
    const at = await eventually(() => releasedAt(watched, app, id), { everyMs: 25, deadlineMs: 20_000 });
    if (step < WARM_UP) continue;
    delays.push(await watched.delayMs());
    fetchedToReleased.push(at.released - at.fetched);
    wokenToReleased.push(at.released - at.woken);
  }
  const renders = (await watched.counter("renders")) - before.renders;
  figure("commit into one App of 1,000: fetched → released p50", {
    value: percentile(fetchedToReleased, 50),
    unit: "ms",
  });
  figure("commit into one App of 1,000: fetched → released p95", {
    value: percentile(fetchedToReleased, 95),
    unit: "ms",
    goal: { max: 200 },
  });
  figure("commit into one App of 1,000: woken → released p95", { value: percentile(wokenToReleased, 95), unit: "ms" });
  figure("commit into one App of 1,000: renders of the other 999", {
    value: renders - COMMITS,
    unit: "",
    goal: { max: 0 },
  });
  figure("commit into one App of 1,000: longest delay of the main thread", {
    value: Math.max(...delays),
    unit: "ms",
    goal: { max: 50 },
  });
}

async function releasedAt(
  { hub }: WatchedHub,
  app: number,
  commit: string,
): Promise<{ woken: number; fetched: number; released: number }> {
  const { items } = await answered(
    hub.api.client.api.GET("/v1/projects/{project}/apps/{name}/trace", {
      params: { path: { project: "default", name: nameOf(app) } },
    }),
  );
  const at = items.find((candidate) => candidate.commit === commit)?.at;
  if (at?.released === undefined || at.fetched === undefined || at.woken === undefined) throw new Error("not released");
  return { woken: at.woken, fetched: at.fetched, released: at.released };
}

/** The remote has nothing new. */
async function measurePolls({ figure }: BenchContext, watched: WatchedHub, bytes: () => number): Promise<void> {
  const took: number[] = [];
  const traffic: number[] = [];
  for (let poll = 0; poll < POLLS; poll += 1) {
    const before = { bytes: bytes(), fetch: await watched.arrow("fetch") };
    await watched.hub.api.refresh("fleet");
    const after = await eventually(
      async () => {
        const fetch = await watched.arrow("fetch");
        if (fetch.count === before.fetch.count) throw new Error("not polled yet");
        return fetch;
      },
      { everyMs: 20 },
    );
    await wait(20);
    took.push((after.seconds - before.fetch.seconds) * 1_000);
    traffic.push(bytes() - before.bytes);
  }
  figure("idle poll p50", { value: percentile(took, 50), unit: "ms" });
  figure("idle poll p95", { value: percentile(took, 95), unit: "ms", goal: { max: 50 } });
  figure("idle poll: traffic, both ways", { value: Math.max(...traffic) / 1_000, unit: "KB", goal: { max: 10 } });
}
