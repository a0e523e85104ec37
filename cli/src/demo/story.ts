import { createHmac } from "node:crypto";
import type { MemoryCluster } from "@muster/agent/adapters/memory-cluster/create-memory-cluster.ts";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { problemText } from "../output/problem-text.ts";
import type { DemoRepository } from "./demo-repository.ts";
import type { Narrator } from "./narrator.ts";
import { brokenConfigYaml, configYaml, deploymentYaml, SHOP, shopDefinitions } from "./shop-manifests.ts";

/** What the story is told with. Everything in it is real but the clusters, and those answer as an API server would. */
export interface DemoFleet {
  readonly hub: HubClient;
  readonly repository: DemoRepository;
  readonly clusters: readonly MemoryCluster[];
  /** Starts the agent of a cluster with a join token. */
  startAgent(cluster: MemoryCluster, registration: Schemas["Registration"]): Promise<void>;
  readonly webhookSecret: string;
  /** Calls the hub as a Git host would. */
  postHook(path: string, body: string, signature: string): Promise<number>;
  /** For a reader's eyes, between two steps; nothing waits for it. */
  pause(): Promise<void>;
  readonly signal: AbortSignal;
}

export const STEPS = [
  "A hub starts",
  "Three clusters join",
  "An App reaches all of them",
  "A commit reaches all of them",
  "Drift made by hand is healed",
  "A broken commit is refused",
  "A rollback, above Git",
] as const;

const SETTLE_TIMEOUT_MS = 30_000;
const LOOK_EVERY_MS = 20;
const REGIONS = ["eu", "us", "ap"] as const;

/** Tells the whole story; every step ends when what it says has been seen, in the cluster and in the hub's answers. */
export async function tellStory(fleet: DemoFleet, narrator: Narrator): Promise<void> {
  const { hub, repository, clusters } = fleet;
  const [, victim] = clusters;
  if (victim === undefined) throw new Error("the story needs more than one cluster");
  const first = { image: "shop:1.0", replicas: 2 };
  const second = { image: "shop:1.1", replicas: 3 };
  let step = 1; // the hub is there when the story begins

  await narrator.step(step++, async (say) => {
    for (const [index, cluster] of clusters.entries()) {
      say(`muster cluster register ${cluster.name}`);
      const labels = { tier: "prod", region: REGIONS[index % REGIONS.length] ?? "eu" };
      const body = { name: cluster.name, labels };
      await fleet.startAgent(cluster, await answered(hub.api.POST("/v1/clusters", { body })));
    }
    say("waiting for their first hello");
    await until(fleet, "all clusters are Connected", async () => {
      const { items } = await answered(hub.api.GET("/v1/clusters"));
      return items.length === clusters.length && items.every((item) => item.state === "Connected");
    });
    return "each with a key of its own and a one-time token; the link is mutual TLS";
  });
  await fleet.pause();

  await narrator.step(step++, async (say) => {
    const files = {
      [`${SHOP.path}/deployment.yaml`]: deploymentYaml(first),
      [`${SHOP.path}/config.yaml`]: configYaml({ timeout: "10s" }),
    };
    const commit = await repository.commit(files, "Open the shop");
    say("muster apply -f fleet.yaml");
    const definitions = [...shopDefinitions(repository.url)];
    await answered(hub.api.POST("/v1/apply", { body: { definitions, dryRun: false } }));
    await untilShopRuns(fleet, { ...first, release: 1 });
    return `${short(commit)} "Open the shop" is release r1: 3 objects on each, Healthy`;
  });
  await fleet.pause();

  await narrator.step(step++, async (say) => {
    const files = {
      [`${SHOP.path}/deployment.yaml`]: deploymentYaml(second),
      [`${SHOP.path}/config.yaml`]: configYaml({ timeout: "30s" }),
    };
    const commit = await repository.commit(files, "Raise the timeout");
    say(`git push: ${short(commit)} Raise the timeout, and a signed webhook`);
    await pushed(fleet);
    await untilShopRuns(fleet, { ...second, release: 2 });
    return `${short(commit)} "Raise the timeout" is r2: applied, ready and reported by all three`;
  });
  await fleet.pause();

  await narrator.step(step++, async (say) => {
    say(`kubectl scale deployment/shop --replicas=0, on ${victim.name}`);
    const since = await healedCount(fleet, victim.name);
    await victim.asUser("kubectl").update(SHOP.deployment, (object) => {
      object.spec.replicas = 0;
    });
    await until(fleet, "the replicas are back", async () => (await liveShop(victim))?.replicas === second.replicas);
    await until(fleet, "the hub tells of the drift", async () => (await healedCount(fleet, victim.name)) > since);
    await untilShopRuns(fleet, { ...second, release: 2 });
    return `someone scaled shop to 0 on ${victim.name}: back to ${second.replicas}, and told: spec.replicas, by kubectl`;
  });
  await fleet.pause();

  await narrator.step(step++, async (say) => {
    const path = `${SHOP.path}/config.yaml`;
    const commit = await repository.commit({ [path]: brokenConfigYaml({ timeout: "60s" }) }, "Ship it in a hurry");
    say(`git push: ${short(commit)} Ship it in a hurry`);
    await pushed(fleet);
    const problem = await untilRefused(fleet, commit, path);
    await untilShopRuns(fleet, { ...second, release: 2 });
    const why = await answered(hub.api.GET("/v1/projects/{project}/apps/{name}/why", { params: SHOP_PATH }));
    narrator.problem(`${problemText(problem)}\n$ muster why ${SHOP.app}\n${why.message}`);
    return `${path}:${problem.where.line} is refused by its line; all clusters stay at r2`;
  });
  await fleet.pause();

  await narrator.step(step++, async (say) => {
    say("muster rollback shop --to previous");
    const body = { project: SHOP.project, app: SHOP.app, to: "previous", reason: "checkout errors", dryRun: false };
    await answered(hub.api.POST("/v1/rollbacks", { body }));
    await untilShopRuns(fleet, { ...first, release: 1 });
    const app = await answered(hub.api.GET("/v1/projects/{project}/apps/{name}", { params: SHOP_PATH }));
    if (app.pin?.release !== 1) throw new Error("the App went back, and is not pinned");
    return `all three back at r1, pinned: "${app.pin.reason}"`;
  });
}

const SHOP_PATH = { path: { project: SHOP.project, name: SHOP.app } };
const short = (commit: string): string => commit.slice(0, 7);

/** The live Deployment, as someone with kubectl would see it. */
export async function liveShop(
  cluster: MemoryCluster,
): Promise<{ image: string; replicas: number; ready: number } | null> {
  const live = await cluster.asUser("viewer").get(SHOP.deployment);
  if (live === null) return null;
  const { spec, status } = live as unknown as {
    spec?: { replicas?: number; template?: { spec?: { containers?: { image?: string }[] } } };
    status?: { readyReplicas?: number };
  };
  const image = spec?.template?.spec?.containers?.[0]?.image ?? "-";
  return { image, replicas: spec?.replicas ?? 0, ready: status?.readyReplicas ?? 0 };
}

/** Seen on both sides: the object in every cluster, and the hub's account of it. */
async function untilShopRuns(
  fleet: DemoFleet,
  wanted: { image: string; replicas: number; release: number },
): Promise<void> {
  await until(fleet, `every cluster runs ${wanted.image}`, async () => {
    const lives = await Promise.all(fleet.clusters.map(liveShop));
    return lives.every(
      (live) => live?.image === wanted.image && live.replicas === wanted.replicas && live.ready === wanted.replicas,
    );
  });
  await until(fleet, `every cluster reports r${wanted.release} Healthy`, async () => {
    const { placements } = await answered(
      fleet.hub.api.GET("/v1/projects/{project}/apps/{name}", { params: SHOP_PATH }),
    );
    return (
      placements.length === fleet.clusters.length &&
      placements.every(
        ({ assigned, observed }) =>
          assigned?.release === wanted.release &&
          observed?.generation === assigned.generation &&
          observed.digest === assigned.digest &&
          observed.sync === "Synced" &&
          observed.health === "Healthy",
      )
    );
  });
}

async function untilRefused(fleet: DemoFleet, commit: string, path: string): Promise<Schemas["Problem"]> {
  let found: Schemas["Problem"] | undefined;
  await until(fleet, "the broken commit is refused", async () => {
    const { problems } = await answered(fleet.hub.api.GET("/v1/projects/{project}/apps/{name}", { params: SHOP_PATH }));
    found = problems.find(({ where }) => where.path === path && where.line !== undefined);
    return found !== undefined;
  });
  if (found === undefined || !commit.startsWith(found.where.commit ?? "-")) {
    throw new Error(`the hub refused something else than ${path} of ${short(commit)}`);
  }
  return found;
}

async function healedCount(fleet: DemoFleet, cluster: string): Promise<number> {
  const params = { path: { ...SHOP_PATH.path, cluster } };
  const { drift } = await answered(
    fleet.hub.api.GET("/v1/projects/{project}/apps/{name}/placements/{cluster}", { params }),
  );
  return drift.filter((record) => record.healedAt !== null && record.field.includes("replicas")).length;
}

/** What a Git host does after a push: a signed call that only says "look". */
async function pushed({ postHook, webhookSecret }: DemoFleet): Promise<void> {
  const body = JSON.stringify({ ref: "refs/heads/main" });
  const signature = `sha256=${createHmac("sha256", webhookSecret).update(body).digest("hex")}`;
  const status = await postHook(`/hooks/${SHOP.project}/${SHOP.source}`, body, signature);
  if (status !== 202) throw new Error(`the hub answered ${status} to a signed webhook`);
}

async function until({ signal }: DemoFleet, what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS;
  while (!(await holds())) {
    if (signal.aborted) throw new Error("interrupted");
    if (performance.now() > deadline) throw new Error(`not seen within ${SETTLE_TIMEOUT_MS / 1_000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
