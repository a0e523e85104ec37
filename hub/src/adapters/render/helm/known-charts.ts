import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { RenderJob } from "../../../ports/renderer.ts";
import { joinPath } from "../trace-paths.ts";
import { unpackChart } from "./chart-archive.ts";
import { type PlacedFile, placeCharts } from "./chart-layout.ts";
import { helmOptions } from "./helm-arguments.ts";
import { ImpurityScan } from "./impure-templates.ts";

/** What is known of a chart besides what Helm makes of it. Holds no contents. */
export interface ChartFacts {
  /** A schema that a values.schema.json takes from elsewhere; `path` relative to the chart. */
  readonly remoteSchema: { readonly url: string; readonly path: string } | null;
  readonly notices: readonly Problem[];
  /** Lines of Chart.yaml by the names that stand there. */
  readonly dependencyLines: ReadonlyMap<string, number>;
  /** Where a template stands, of the name that Helm gives it (`chart/templates/a.yaml`). Null when it is of none. */
  pathOf(name: string): string | null;
}

const CHARTS_MAX = 512;
/** Templates that are looked into: more of them than anyone writes would keep the hub from its work. */
const SCANNED_BYTES_MAX = 8 * 1_024 * 1_024;
const FILE_BYTES_MAX = 128 * 1_024;
const SCHEMA_BYTES_MAX = 2 * 1_024 * 1_024;
/** As much as is read in about a millisecond. */
const STRIDE_BYTES = 64 * 1_024;

/** Facts of charts, found once for each: thousands of variants may be rendered from one. The least recently used go. */
export class KnownCharts {
  readonly #facts = new Map<string, ChartFacts>();

  async factsOf(job: RenderJob): Promise<ChartFacts> {
    const key = keyOf(job);
    const facts = this.#facts.get(key) ?? (await findFacts(job));
    this.#facts.delete(key);
    this.#facts.set(key, facts);
    const [oldest] = this.#facts.keys();
    if (this.#facts.size > CHARTS_MAX && oldest !== undefined) this.#facts.delete(oldest);
    return facts;
  }
}

/** Of a chart in Git, all of its files and where they are; of an archive, its digest. */
function keyOf(job: RenderJob): string {
  const { chart } = helmOptions(job);
  if (job.chart !== null) return `${chart?.name} ${chart?.digest}`;
  const hash = createHash("sha256").update(job.request.path);
  for (const { source, path, oid } of job.files) if (source === "") hash.update(`\0${path}\0${oid}`);
  return hash.digest("hex");
}

async function findFacts(job: RenderJob): Promise<ChartFacts> {
  const name = helmOptions(job).chart?.name ?? "chart";
  const files =
    job.chart === null
      ? placeCharts(job)
      : (await unpackChart(job.chart)).map((file) => ({ ...file, source: joinPath(name, file.path) }));
  return {
    remoteSchema: remoteSchemaOf(files),
    notices: await noticesOf(files),
    dependencyLines: linesOf(files.find(({ path }) => path === "Chart.yaml")),
    pathOf: placesOf(files),
  };
}

function remoteSchemaOf(files: readonly PlacedFile[]): ChartFacts["remoteSchema"] {
  for (const { path, bytes } of files) {
    if (path !== "values.schema.json" && !path.endsWith("/values.schema.json")) continue;
    // Of one that is larger, Helm says it.
    if (bytes.length > SCHEMA_BYTES_MAX) continue;
    const url = /"\$ref"\s*:\s*"((?:https?|file):[^"]*)"/.exec(new TextDecoder().decode(bytes))?.[1];
    if (url !== undefined) return { url, path };
  }
  return null;
}

async function noticesOf(files: readonly PlacedFile[]): Promise<readonly Problem[]> {
  const scan = new ImpurityScan();
  let scanned = 0;
  let stride = 0;
  for (const { path, bytes, source } of files) {
    const isTemplate = /(^|\/)templates\//.test(path) && !/(^|\/)templates\/tests\//.test(path);
    if (!isTemplate || bytes.length > FILE_BYTES_MAX || scanned + bytes.length > SCANNED_BYTES_MAX) continue;
    scan.add({ path: source, text: new TextDecoder().decode(bytes) });
    scanned += bytes.length;
    stride += bytes.length;
    if (stride < STRIDE_BYTES) continue;
    stride = 0;
    await setImmediate();
  }
  return scan.notices();
}

function linesOf(chart: PlacedFile | undefined): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const text = chart === undefined ? "" : new TextDecoder().decode(chart.bytes.subarray(0, FILE_BYTES_MAX));
  for (const [index, line] of text.split("\n").entries()) {
    const name = /(?:^|[\s{,-])name:\s*["']?([\w.-]+)/.exec(line)?.[1];
    // The first is the chart's own, wherever it stands.
    if (name !== undefined && !line.startsWith("name:")) lines.set(name, index + 1);
  }
  return lines;
}

/**
 * Where templates stand, by the names that Helm gives them. It names charts by their names, and folders may be called
 * otherwise: then the file of the same place in some chart is taken.
 */
function placesOf(files: readonly PlacedFile[]): ChartFacts["pathOf"] {
  const sources = new Map(files.map(({ path, source }) => [path, source] as const));
  const inCharts = new Map<string, string>();
  for (const { path, source } of files) {
    if (!path.startsWith("charts/")) continue;
    const ending = /charts\/[^/]+(\/(?:templates|crds)\/.*)$/.exec(path)?.[1];
    if (ending !== undefined && !inCharts.has(ending)) inCharts.set(ending, source);
  }
  return (template) => {
    const inside = template.slice(template.indexOf("/") + 1);
    const exact = sources.get(inside);
    if (exact !== undefined) return exact;
    const ending = /charts\/[^/]+(\/(?:templates|crds)\/.*)$/.exec(inside)?.[1];
    return ending === undefined ? null : (inCharts.get(ending) ?? null);
  };
}
