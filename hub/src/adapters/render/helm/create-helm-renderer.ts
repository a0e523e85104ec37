import { assertNever, isAppError } from "@muster/shared/errors.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { RenderCallOptions, Renderer, RenderJob, RenderResult } from "../../../ports/renderer.ts";
import { describeConfinement } from "../confinement.ts";
import { overLimit } from "../over-limit.ts";
import type { Sandbox } from "../sandbox.ts";
import type { SandboxFile } from "../sandbox-files.ts";
import type { Tool } from "../tool.ts";
import { joinPath, resolvePath } from "../trace-paths.ts";
import { placeCharts } from "./chart-layout.ts";
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
import { type ChartFacts, KnownCharts } from "./known-charts.ts";
import { splitOutput } from "./split-output.ts";
import { traceChart } from "./trace-chart.ts";

/** Raised whenever the same Helm could be run in another way. */
const REVISION = 1;

export interface HelmOptions {
  readonly sandbox: Sandbox;
  readonly tool: Tool;
}

/** `helm template`, one process each, on the chart and the values files and nothing else. */
export function createHelmRenderer(options: HelmOptions): Renderer {
  const { tool } = options;
  const known = new KnownCharts();
  return {
    kind: "helm",
    version: `helm ${tool.version} (${REVISION})`,
    isolation: describeConfinement(tool.confinement),
    prepare: () => {},
    trace: traceChart,
    render: (job, opts) => render(options, known, job, opts),
    close: async () => {},
  };
}

async function render(
  { sandbox, tool }: HelmOptions,
  known: KnownCharts,
  job: RenderJob,
  opts: RenderCallOptions,
): Promise<RenderResult> {
  const chart = job.chart === null ? job.request.path : (helmOptions(job).chart?.name ?? "chart");
  let prepared: Prepared;
  try {
    prepared = await prepare(known, job);
  } catch (error) {
    if (!isAppError(error, "too-large") && !isAppError(error, "invalid")) throw error;
    const fix = error.fix === undefined ? {} : { fix: error.fix };
    return invalid({ code: "InvalidField", message: `${error.message}.`, where: { path: chart }, ...fix });
  }
  const { facts, values, args, files } = prepared;
  const { remoteSchema } = facts;
  if (remoteSchema !== null) return invalid(schemaRemote(remoteSchema.url, joinPath(chart, remoteSchema.path)));
  const end = await sandbox.run(
    {
      tool,
      args,
      files,
      workingDirectory: WORKING_DIRECTORY,
      limits: job.limits,
    },
    opts,
  );
  const places: HelmPlaces = {
    chart,
    pathOf: (name) => facts.pathOf(name) ?? chart,
    values: new Map(values.map(({ file, path }) => [file.path, path])),
    dependencyLine: (name) => facts.dependencyLines.get(name),
  };
  switch (end.kind) {
    case "done": {
      const manifests = splitOutput(end.output, places.pathOf);
      return { kind: "rendered", manifests, notices: facts.notices };
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

interface Prepared {
  readonly facts: ChartFacts;
  readonly values: ReturnType<typeof valuesOf>;
  readonly args: readonly string[];
  readonly files: readonly SandboxFile[];
}

/** @throws AppError as `helmArguments` and `placeCharts`. */
async function prepare(known: KnownCharts, job: RenderJob): Promise<Prepared> {
  const values = valuesOf(job);
  return {
    args: helmArguments(job, values.length),
    facts: await known.factsOf(job),
    values,
    files: [...chartFiles(job), ...values.map(({ file }) => file), inlineValues(helmOptions(job))],
  };
}

const invalid = (problem: Problem): RenderResult => ({ kind: "invalid", problems: [problem] });

function chartFiles(job: RenderJob): readonly SandboxFile[] {
  // Helm's own reading of an archive is the one that counts.
  if (job.chart !== null) return [{ path: CHART_ARCHIVE, bytes: job.chart }];
  return placeCharts(job).map(({ path, bytes }) => ({ path: `${CHART_DIRECTORY}/${path}`, bytes }));
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
