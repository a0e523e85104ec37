import type { RenderJob } from "../../../ports/renderer.ts";
import { readConfigText } from "../read-config-file.ts";
import { joinPath, resolvePath } from "../trace-paths.ts";
import { type ChartFile, unpackChart } from "./chart-archive.ts";
import { CHART_DEPTH_MAX, chartsOf, localDependencies } from "./chart-dependencies.ts";

/** A chart as Helm is given it, and where its files come from. */
export interface ChartLayout {
  /** Every file of the chart, its dependencies among them, relative to the chart. */
  readonly files: readonly ChartFile[];
  /** Where a file of the chart stands in the repository; null for one out of an archive. */
  sourceOf(path: string): string | null;
}

/** The chart of a job: its archive taken apart, or the App's directory with what it depends on put into `charts/`. */
export async function layOutChart(job: RenderJob): Promise<ChartLayout> {
  if (job.chart !== null) return { files: await unpackChart(job.chart), sourceOf: () => null };
  const own = new Map(job.files.filter(({ source }) => source === "").map(({ path, bytes }) => [path, bytes] as const));
  const files: ChartFile[] = [];
  const sources = new Map<string, string>();
  place(own, { from: job.request.path, to: "", depth: 0 }, (path, source, bytes) => {
    files.push({ path, bytes });
    sources.set(path, source);
  });
  return { files, sourceOf: (path) => sources.get(path) ?? null };
}

function place(
  own: ReadonlyMap<string, Uint8Array>,
  { from, to, depth }: { from: string; to: string; depth: number },
  add: (path: string, source: string, bytes: Uint8Array) => void,
): void {
  const prefix = from === "" ? "" : `${from}/`;
  const below = [...own].filter(([path]) => path.startsWith(prefix));
  for (const [path, bytes] of below) add(joinPath(to, path.slice(prefix.length)), path, bytes);

  const chart = own.get(joinPath(from, "Chart.yaml"));
  if (chart === undefined || depth > CHART_DEPTH_MAX) return;
  // Whatever is wrong with it was told when it was traced.
  const [document] = readConfigText({ refuse: () => {} }, from, new TextDecoder().decode(chart)) ?? [];
  const inCharts = chartsOf(
    from,
    below.map(([path]) => path),
  );
  for (const { name, written } of localDependencies(document?.value, inCharts)) {
    const dependency = resolvePath(from, written);
    if (dependency !== null) place(own, { from: dependency, to: joinPath(to, "charts", name), depth: depth + 1 }, add);
  }
}
