import { setTimeout as wait } from "node:timers/promises";
import { binaryPath } from "@muster/e2e/control-plane/build/cache-folder.ts";
import { tools } from "@muster/e2e/control-plane/versions.ts";
import { eventually } from "@muster/e2e/fleet/eventually.ts";
import { appDefinition, configMap, sourceDefinition } from "@muster/e2e/fleet/manifests.ts";
import { gitHttpServer } from "@muster/e2e/forge/git-http-server.ts";
import type { BenchContext } from "../define-bench.ts";
import { residentMemory } from "../measure/resident-memory.ts";
import { type WatchedHub, withHub } from "./watched-hub.ts";

const CLUSTERS = 10_000;
const APPS = 1_000;
const GROUPS = 100;
/** Clusters that the sample of a slow renderer is rendered for. */
const HELM_SAMPLE = 500;

/** 10,000 clusters that are registered and not connected: memory with 100,000 pairs, and Apps that differ on each. */
export async function measureLargeFleet(context: BenchContext): Promise<void> {
  const { figure, note, signal } = context;
  const forge = await gitHttpServer();
  try {
    const repository = await forge.createRepository("fleet");
    const copy = await repository.workingCopy();
    const files: Record<string, string> = {
      "apps/distinct/config.yaml": configMap("config", { of: "${cluster.name}" }),
      "apps/chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
      "apps/chart/values.yaml": "of: nobody\n",
      "apps/chart/templates/config.yaml":
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: config }\ndata: { of: {{ .Values.of | quote }} }\n",
    };
    for (let app = 0; app < APPS; app += 1)
      files[`apps/app-${app}/config.yaml`] = configMap(`app-${app}`, { of: String(app) });
    await copy.commitAndPush(files, "A thousand Apps");

    const binaries = ["--helm", binaryPath(tools.helm, "helm")];
    await withHub({ flags: [...binaries, "--log-level", "info"] }, async (watched) => {
      const { hub } = watched;
      await registerAll(watched, signal);
      await watched.delayMs();
      const began = Date.now();
      await hub.api.apply(sourceDefinition("fleet", repository.url, { poll: "1h" }));
      for (let from = 0; from < APPS; from += 250) {
        const some = Array.from({ length: 250 }, (_, index) => from + index);
        await hub.api.apply(...some.map((app) => grouped(app)));
      }
      const pairs = await untilAssigned(watched, began, signal);
      const assigned = (Date.now() - began) / 1_000;
      figure("1,000 Apps on 10,000 clusters: defined → 100,000 pairs assigned", { value: assigned, unit: "s" });
      figure("100,000 pairs assigned: longest delay of the main thread", {
        value: await watched.delayMs(),
        unit: "ms",
        goal: { max: 50 },
      });
      await memory(
        context,
        watched,
        `hub memory, ${APPS.toLocaleString("en-US")} Apps, 10,000 clusters, ${pairs.toLocaleString("en-US")} pairs`,
      );
      await hub.restart();
      const { bytes, isSettled } = await residentMemory(hub.pid, { deadlineMs: 120_000, windowMs: 15_000, signal });
      figure("the same after a restart", { value: mebibytes(bytes), unit: "MB", goal: { max: 600 } });
      note(
        `Memory is resident, of the bundled hub and its threads, once nothing happens${isSettled ? "" : "; it had not settled"}.`,
      );

      await measureDistinct(context, watched, {
        what: "one plain App, 10,000 distinct variants",
        app: distinct("distinct", { clusters: { all: true }, substitute: true }),
        variants: CLUSTERS,
      });
      await measureDistinct(context, watched, {
        what: `one helm App, ${HELM_SAMPLE} distinct variants`,
        app: distinct("chart", {
          clusters: { matchExpressions: [{ key: "group", operator: "In", values: ["g0", "g1", "g2", "g3", "g4"] }] },
          overrides: [{ clusters: { all: true }, helm: { valuesObject: { of: "${cluster.name}" } } }],
        }),
        variants: HELM_SAMPLE,
      });
    });
  } finally {
    await forge.stop();
  }
}

async function registerAll({ hub }: WatchedHub, signal: AbortSignal): Promise<void> {
  const waiting = Array.from({ length: CLUSTERS }, (_, index) => index);
  const worker = async (): Promise<void> => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      signal.throwIfAborted();
      await hub.api.register(`cluster-${index}`, {
        group: `g${index % GROUPS}`,
        env: index % 3 === 0 ? "test" : "prod",
      });
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

const grouped = (app: number): object =>
  appDefinition(`app-${app}`, {
    source: "fleet",
    path: `apps/app-${app}`,
    namespace: "default",
    clusters: { matchLabels: { group: `g${app % GROUPS}` } },
  });

function distinct(name: string, spec: object): object {
  const app = appDefinition(name, { source: "fleet", path: `apps/${name}`, namespace: "default" });
  return { ...app, spec: { ...app.spec, ...spec } };
}

async function untilAssigned({ hub }: WatchedHub, began: number, signal: AbortSignal): Promise<number> {
  const wanted = APPS * (CLUSTERS / GROUPS);
  await eventually(
    async () => {
      signal.throwIfAborted();
      const count = assignedSince(hub, began);
      if (count < wanted) throw new Error(`${count} of ${wanted} pairs are assigned`);
    },
    { deadlineMs: 10 * 60_000, everyMs: 3_000 },
  );
  return wanted;
}

const assignedSince = (hub: WatchedHub["hub"], from: number): number =>
  hub.logEvents().filter(({ msg, time }) => msg === "cluster assigned" && Date.parse(time ?? "") >= from).length;

async function memory({ figure, signal }: BenchContext, { hub }: WatchedHub, name: string): Promise<void> {
  const { bytes } = await residentMemory(hub.pid, { deadlineMs: 180_000, windowMs: 20_000, signal });
  figure(name, { value: mebibytes(bytes), unit: "MB", goal: { max: 600 } });
}

/** One App whose every cluster gets content of its own. */
async function measureDistinct(
  { figure, note, signal }: BenchContext,
  watched: WatchedHub,
  { what, app, variants }: { what: string; app: object; variants: number },
): Promise<void> {
  const { hub } = watched;
  await watched.delayMs();
  const began = Date.now();
  await hub.api.apply(app);
  await eventually(
    async () => {
      signal.throwIfAborted();
      if (watched.released(began).size === 0) throw new Error("not released yet");
    },
    { deadlineMs: 15 * 60_000, everyMs: 1_000 },
  );
  const releasedMs = Math.max(...watched.released(began).values()) - began;
  figure(`${what}: defined → released`, { value: releasedMs / 1_000, unit: "s" });
  await eventually(
    async () => {
      const count = assignedSince(hub, began);
      if (count < variants) throw new Error(`${count} of ${variants} clusters are assigned`);
    },
    { deadlineMs: 5 * 60_000, everyMs: 1_000 },
  );
  await wait(500);
  figure(`${what}: longest delay of the main thread`, {
    value: await watched.delayMs(),
    unit: "ms",
    goal: { max: 50 },
  });
  if (variants === CLUSTERS) return;
  const all = (releasedMs / variants) * CLUSTERS;
  figure("one helm App, 10,000 distinct variants (extrapolated)", { value: all / 1_000, unit: "s" });
  note(`The helm App with 10,000 variants is extrapolated from ${variants}, each a process of its own.`);
}

const mebibytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);
