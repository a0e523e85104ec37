import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { binaryPath, isBuilt } from "@muster/e2e/control-plane/build/cache-folder.ts";
import { tools } from "@muster/e2e/control-plane/versions.ts";
import { eventually } from "@muster/e2e/fleet/eventually.ts";
import { appDefinition, sourceDefinition } from "@muster/e2e/fleet/manifests.ts";
import { gitHttpServer } from "@muster/e2e/forge/git-http-server.ts";
import type { BenchContext } from "../define-bench.ts";
import { type BinaryApp, filesOf, sharedFilesOf } from "./binary-app-files.ts";
import { withHub } from "./watched-hub.ts";

const APPS = 200;
/** As many as the hub lets run at the same time. */
const AT_ONCE = 2;
const ROUNDS = 3;

type Tool = BinaryApp["tool"];

const MEASURED: readonly BinaryApp[] = [
  { tool: "kustomize", size: "service" },
  { tool: "helm", size: "service" },
  { tool: "kustomize", size: "small" },
];

const binaryOf = (tool: Tool): string => binaryPath(tools[tool], tool);

/** 200 Apps of each real binary, each App with content of its own: the hub against the binary in a plain loop. */
export async function measureBinaryApps(context: BenchContext): Promise<void> {
  const { figure, note } = context;
  for (const app of MEASURED) {
    const { tool, size } = app;
    if (!isBuilt(tools[tool])) throw new Error(`${tool} is not built: npm run control-plane -- build helm kustomize`);
    const ratios: number[] = [];
    const took = { loop: [] as number[], hub: [] as number[], delay: [] as number[] };
    // In turn, so that what else the machine does is shared fairly.
    for (let round = 0; round < ROUNDS; round += 1) {
      const { loopMs, hubMs, delayMs } = await measureOnce(context, app, round);
      took.loop.push(loopMs);
      took.hub.push(hubMs);
      took.delay.push(delayMs);
      ratios.push(hubMs / loopMs);
    }
    const what = `${APPS} ${size === "small" ? "small " : ""}${tool} Apps`;
    figure(`${what} in a plain loop, ${AT_ONCE} at a time`, {
      value: median(took.loop) / 1_000,
      unit: "s",
    });
    figure(`${what}: defined → all released`, { value: median(took.hub) / 1_000, unit: "s" });
    figure(`${what}: hub ÷ plain loop`, {
      value: median(ratios),
      unit: "×",
      // What the hub does besides is much of the little that three objects take: told, and not held to the goal.
      ...(size === "small" ? {} : { goal: { max: 1.3 } }),
    });
    figure(`${what}: longest delay of the main thread`, {
      value: Math.max(...took.delay),
      unit: "ms",
      goal: { max: 50 },
    });
  }
  note(
    `kustomize and helm: a service of ten objects, as overlays with patches on one base and as charts, each with content of its own; small ones have three objects. The loop runs the binary on checked-out files and throws its output away; the hub also reads them from Git, confines each process, and makes canonical bundles and Releases. Medians of ${ROUNDS} rounds, a loop before each.`,
  );
}

async function measureOnce({ signal }: BenchContext, app: BinaryApp, round: number) {
  const { tool } = app;
  const forge = await gitHttpServer();
  try {
    const repository = await forge.createRepository("fleet");
    const copy = await repository.workingCopy();
    const names = Array.from({ length: APPS }, (_, index) => `${tool}-${round}-${index}`);
    await copy.commitAndPush(Object.assign(sharedFilesOf(app), ...names.map((name) => filesOf(app, name))), "Apps");
    const loopMs = await plainLoop(
      tool,
      names.map((name) => join(copy.folder, "apps", name)),
    );
    const flags = [
      "--render-processes",
      String(AT_ONCE),
      "--helm",
      binaryOf("helm"),
      "--kustomize",
      binaryOf("kustomize"),
    ];
    return await withHub({ flags }, async (watched) => {
      const { hub } = watched;
      await hub.api.apply(sourceDefinition("fleet", repository.url, { poll: "1h" }));
      await eventually(async () => {
        if ((await hub.api.source("fleet")).revision === null) throw new Error("not fetched yet");
      });
      await watched.delayMs();
      const began = Date.now();
      await hub.api.apply(
        ...names.map((name) => appDefinition(name, { source: "fleet", path: `apps/${name}`, namespace: "default" })),
      );
      await eventually(
        async () => {
          signal.throwIfAborted();
          const { size } = watched.released(began);
          if (size < APPS) throw new Error(`${size} of ${APPS} Apps are released`);
        },
        { deadlineMs: 240_000, everyMs: 500 },
      );
      const hubMs = Math.max(...watched.released(began).values()) - began;
      return { loopMs, hubMs, delayMs: await watched.delayMs() };
    });
  } finally {
    await forge.stop();
  }
}

async function plainLoop(tool: Tool, folders: readonly string[]): Promise<number> {
  const run = promisify(execFile);
  const argumentsFor = (folder: string): string[] =>
    tool === "kustomize" ? ["build", folder] : ["template", "release", folder, "--namespace", "default"];
  const waiting = [...folders];
  const began = performance.now();
  const worker = async (): Promise<void> => {
    for (let folder = waiting.shift(); folder !== undefined; folder = waiting.shift()) {
      await run(binaryOf(tool), argumentsFor(folder), { maxBuffer: 2 ** 26 });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return performance.now() - began;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
