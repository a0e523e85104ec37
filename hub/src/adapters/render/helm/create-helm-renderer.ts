import { assertNever, isAppError } from "@muster/shared/errors.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { RenderCallOptions, Renderer, RenderJob, RenderResult } from "../../../ports/renderer.ts";
import { overLimit } from "../over-limit.ts";
import type { Sandbox } from "../sandbox.ts";
import type { SandboxFile } from "../sandbox-files.ts";
import type { Tool } from "../tool.ts";
import { joinPath, resolvePath } from "../trace-paths.ts";
import type { ChartFile } from "./chart-archive.ts";
import { type ChartLayout, layOutChart } from "./chart-layout.ts";
import { explainHelm, type HelmPlaces, schemaRemote } from "./explain-helm.ts";
import {
  CHART_ARCHIVE,
  CHART_DIRECTORY,
  helmArguments,
  helmOptions,
  inlineValues,
  valuesName,
  WORKING_DIRECTORY,
} from "./helm-arguments.ts";
import { impureTemplates } from "./impure-templates.ts";
import { splitOutput } from "./split-output.ts";
import { traceChart } from "./trace-chart.ts";

/** Raised whenever the same Helm could be run in another way. */
const REVISION = 1;

export interface HelmOptions {
  readonly sandbox: Sandbox;
  readonly tool: Tool;
}

/** `helm template`, one process each, on the chart and the values files and nothing else. */
export function createHelmRenderer({ sandbox, tool }: HelmOptions): Renderer {
  return {
    kind: "helm",
    version: `helm ${tool.version} (${REVISION})`,
    isolation: `one process each: ${tool.confinement.description}`,
    prepare: () => {},
    trace: traceChart,
    render: (job, opts) => render(sandbox, tool, job, opts),
    close: async () => {},
  };
}

async function render(sandbox: Sandbox, tool: Tool, job: RenderJob, opts: RenderCallOptions): Promise<RenderResult> {
  const layout = await layOutChart(job);
  const chart = job.chart === null ? job.request.path : `${helmOptions(job).chart?.name ?? "chart"}`;
  const schema = remoteSchema(layout.files);
  if (schema !== null) return invalid(schemaRemote(schema.url, joinPath(chart, schema.path)));
  const values = valuesOf(job);
  let args: readonly string[];
  try {
    args = helmArguments(job, values.length);
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    const fix = "Put what is large into valuesObject or a values file.";
    return invalid({ code: "InvalidField", message: `${error.message}.`, where: { path: chart }, fix });
  }
  const end = await sandbox.run(
    {
      tool,
      args,
      files: [...chartFiles(job, layout), ...values.map(({ file }) => file), inlineValues(helmOptions(job))],
      workingDirectory: WORKING_DIRECTORY,
      limits: job.limits,
    },
    opts,
  );
  const places: HelmPlaces = {
    chart,
    pathOf: (name) => pathOf(name, chart, layout),
    values: new Map(values.map(({ file, path }) => [file.path, path])),
    dependencyLine: (name) => dependencyLine(layout.files, name),
  };
  switch (end.kind) {
    case "done": {
      const manifests = splitOutput(end.output, places.pathOf);
      return { kind: "rendered", manifests, notices: noticesOf(chart, layout) };
    }
    case "refused":
      return invalid(explainHelm(end.errors, places));
    case "over-limit": {
      const told = { what: "rendering this chart", hint: "a template (range, until, include)", path: chart };
      return invalid(overLimit(end.limit, job.limits, told));
    }
    default:
      return assertNever(end);
  }
}

const invalid = (problem: Problem): RenderResult => ({ kind: "invalid", problems: [problem] });

function chartFiles(job: RenderJob, layout: ChartLayout): readonly SandboxFile[] {
  // Helm's own reading of an archive is the one that counts.
  if (job.chart !== null) return [{ path: CHART_ARCHIVE, bytes: job.chart }];
  return layout.files.map(({ path, bytes }) => ({ path: `${CHART_DIRECTORY}/${path}`, bytes }));
}

/** The values files that are there, in order, under names of our own. */
function valuesOf(job: RenderJob): readonly { readonly file: SandboxFile; readonly path: string }[] {
  const contents = new Map(job.files.map(({ source, path, bytes }) => [`${source}\0${path}`, bytes] as const));
  return helmOptions(job)
    .valuesFiles.flatMap(({ source, path: written }) => {
      const path = resolvePath(source === "" ? job.request.path : "", written);
      const bytes = path === null ? undefined : contents.get(`${source}\0${path}`);
      return path === null || bytes === undefined ? [] : [{ path, bytes }];
    })
    .map(({ path, bytes }, index) => ({ path, file: { path: valuesName(index), bytes } }));
}

/** Helm names a template by its charts' names; where it stands may be called otherwise. */
function pathOf(name: string, chart: string, layout: ChartLayout): string {
  const inside = name.split("/").slice(1).join("/");
  const exact = layout.sourceOf(inside);
  if (exact !== null) return exact;
  const file = inside.slice(inside.lastIndexOf("charts/") + 1).replace(/^harts\/[^/]+\//, "");
  const similar = layout.files.find(({ path }) => path === inside || path.endsWith(`/${file}`));
  if (similar === undefined) return chart;
  return layout.sourceOf(similar.path) ?? joinPath(chart, similar.path);
}

function remoteSchema(files: readonly ChartFile[]): { url: string; path: string } | null {
  for (const { path, bytes } of files) {
    if (path !== "values.schema.json" && !path.endsWith("/values.schema.json")) continue;
    const url = /"\$ref"\s*:\s*"((?:https?|file):[^"]*)"/.exec(new TextDecoder().decode(bytes))?.[1];
    if (url !== undefined) return { url, path };
  }
  return null;
}

function dependencyLine(files: readonly ChartFile[], name: string): number | undefined {
  const chart = files.find(({ path }) => path === "Chart.yaml");
  if (chart === undefined) return undefined;
  const lines = new TextDecoder().decode(chart.bytes).split("\n");
  const index = lines.findIndex((line) => new RegExp(`\\bname:\\s*["']?${name.replace(/[^\w-]/g, ".")}\\b`).test(line));
  return index < 0 ? undefined : index + 1;
}

/** Templates that are read for what they use: more of them than anyone writes would keep the hub from its work. */
const SCANNED_BYTES_MAX = 8 * 1_024 * 1_024;

function noticesOf(chart: string, layout: ChartLayout): readonly Problem[] {
  let budget = SCANNED_BYTES_MAX;
  const templates = layout.files.filter(({ path, bytes }) => {
    const isTemplate = /(^|\/)templates\//.test(path) && !/(^|\/)templates\/tests\//.test(path);
    if (isTemplate) budget -= bytes.length;
    return isTemplate && budget >= 0;
  });
  return impureTemplates(
    templates.map(({ path, bytes }) => ({
      path: layout.sourceOf(path) ?? joinPath(chart, path),
      text: new TextDecoder().decode(bytes),
    })),
  );
}
