import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { binaryPath, isBuilt } from "@muster/e2e/control-plane/build/cache-folder.ts";
import { tools } from "@muster/e2e/control-plane/versions.ts";
import { eventually } from "@muster/e2e/fleet/eventually.ts";
import { appDefinition, configMap, sourceDefinition } from "@muster/e2e/fleet/manifests.ts";
import { gitHttpServer } from "@muster/e2e/forge/git-http-server.ts";
import type { BenchContext } from "../define-bench.ts";
import { withHub } from "./watched-hub.ts";

const APPS = 200;
/** As many as the hub lets run at the same time. */
const AT_ONCE = 2;
const ROUNDS = 3;

type Tool = "kustomize" | "helm";

const binaryOf = (tool: Tool): string => binaryPath(tools[tool], tool);

/** 200 Apps of each real binary, each App with content of its own: the hub against the binary in a plain loop. */
export async function measureBinaryApps(context: BenchContext): Promise<void> {
  const { figure, note } = context;
  for (const tool of ["kustomize", "helm"] as const) {
    if (!isBuilt(tools[tool])) throw new Error(`${tool} is not built: npm run control-plane -- build helm kustomize`);
    const ratios: number[] = [];
    const took = { loop: [] as number[], hub: [] as number[], delay: [] as number[] };
    // In turn, so that what else the machine does is shared fairly.
    for (let round = 0; round < ROUNDS; round += 1) {
      const { loopMs, hubMs, delayMs } = await measureOnce(context, tool, round);
      took.loop.push(loopMs);
      took.hub.push(hubMs);
      took.delay.push(delayMs);
      ratios.push(hubMs / loopMs);
    }
    figure(`${APPS} ${tool} Apps in a plain loop, ${AT_ONCE} at a time`, {
      value: median(took.loop) / 1_000,
      unit: "s",
    });
    figure(`${APPS} ${tool} Apps: defined → all released`, { value: median(took.hub) / 1_000, unit: "s" });
    figure(`${APPS} ${tool} Apps: hub ÷ plain loop`, { value: median(ratios), unit: "×", goal: { max: 1.3 } });
    figure(`${APPS} ${tool} Apps: longest delay of the main thread`, {
      value: Math.max(...took.delay),
      unit: "ms",
      goal: { max: 50 },
    });
  }
  note(
    `kustomize and helm: overlays on one base, and charts of three templates, each with content of its own. The loop runs the binary on checked-out files and throws its output away; the hub also reads them from Git, confines each process, and makes canonical bundles and Releases. Medians of ${ROUNDS} rounds, a loop before each.`,
  );
}

async function measureOnce({ signal }: BenchContext, tool: Tool, round: number) {
  const forge = await gitHttpServer();
  try {
    const repository = await forge.createRepository("fleet");
    const copy = await repository.workingCopy();
    const names = Array.from({ length: APPS }, (_, index) => `${tool}-${round}-${index}`);
    await copy.commitAndPush(Object.assign(base(tool), ...names.map((name) => filesOf(tool, name))), "Apps");
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

function base(tool: Tool): Record<string, string> {
  if (tool === "helm") return {};
  return {
    "base/kustomization.yaml": "resources: [deployment.yaml, service.yaml]\n",
    "base/deployment.yaml": deployment("web", "registry.example.com/web:1"),
    "base/service.yaml": service("web"),
  };
}

function filesOf(tool: Tool, name: string): Record<string, string> {
  const folder = `apps/${name}`;
  if (tool === "kustomize") {
    return {
      [`${folder}/kustomization.yaml`]: [
        "resources: [../../base, config.yaml]",
        `namePrefix: ${name}-`,
        `labels: [{ pairs: { app.kubernetes.io/instance: ${name} } }]`,
        "images: [{ name: registry.example.com/web, newTag: '2' }]",
        "",
      ].join("\n"),
      [`${folder}/config.yaml`]: configMap("config", { of: name }),
    };
  }
  return {
    [`${folder}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 0.1.0\n`,
    [`${folder}/values.yaml`]: `replicas: 2\nimage: registry.example.com/web:1\nof: ${name}\n`,
    [`${folder}/templates/_helpers.tpl`]: '{{- define "name" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end }}\n',
    [`${folder}/templates/config.yaml`]: [
      "apiVersion: v1",
      "kind: ConfigMap",
      'metadata: { name: {{ include "name" . }} }',
      "data: { of: {{ .Values.of | quote }} }",
      "",
    ].join("\n"),
    [`${folder}/templates/deployment.yaml`]: deployment('{{ include "name" . }}', "{{ .Values.image }}"),
    [`${folder}/templates/service.yaml`]: service('{{ include "name" . }}'),
  };
}

const deployment = (name: string, image: string): string =>
  [
    "apiVersion: apps/v1",
    "kind: Deployment",
    `metadata: { name: ${name} }`,
    "spec:",
    "  selector: { matchLabels: { app: web } }",
    "  template:",
    "    metadata: { labels: { app: web } }",
    `    spec: { containers: [{ name: web, image: "${image}" }] }`,
    "",
  ].join("\n");

const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: web }, ports: [{ port: 80 }] }\n`;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
