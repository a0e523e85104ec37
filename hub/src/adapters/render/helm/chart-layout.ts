import type { RenderJob } from "../../../ports/renderer.ts";
import { readConfigText } from "../read-config-file.ts";
import { joinPath, resolvePath } from "../trace-paths.ts";
import { CHART_DEPTH_MAX, chartsOf, localDependencies } from "./chart-dependencies.ts";

/** A file of a chart as Helm is given it. */
export interface PlacedFile {
  /** Relative to the chart. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Where it stands in the repository. */
  readonly source: string;
}

/** The App's directory as a chart, with charts of the same repository that it depends on put into `charts/`. */
export function placeCharts(job: RenderJob): readonly PlacedFile[] {
  const own = new Map(job.files.filter(({ source }) => source === "").map(({ path, bytes }) => [path, bytes] as const));
  const files: PlacedFile[] = [];
  place(own, { from: job.request.path, to: "", depth: 0 }, files);
  return files;
}

function place(
  own: ReadonlyMap<string, Uint8Array>,
  { from, to, depth }: { from: string; to: string; depth: number },
  files: PlacedFile[],
): void {
  const prefix = from === "" ? "" : `${from}/`;
  const below = [...own].filter(([path]) => path.startsWith(prefix));
  for (const [path, bytes] of below) files.push({ path: joinPath(to, path.slice(prefix.length)), bytes, source: path });

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
    if (dependency !== null)
      place(own, { from: dependency, to: joinPath(to, "charts", name), depth: depth + 1 }, files);
  }
}
