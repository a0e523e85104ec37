import { AppError } from "@muster/shared/errors.ts";
import type { RenderJob } from "../../../ports/renderer.ts";
import { readConfigText } from "../read-config-file.ts";
import { joinPath, resolvePath } from "../trace-paths.ts";
import { CHART_DEPTH_MAX, CHARTS_MAX, chartsOf, localDependencies } from "./chart-dependencies.ts";

/** A file of a chart as Helm is given it. */
export interface PlacedFile {
  /** Relative to the chart. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Where it stands in the repository. */
  readonly source: string;
}

/**
 * The App's directory as a chart, with charts of the same repository that it depends on put into `charts/`.
 * @throws AppError "too-large" when that is more than a render may read: a chart may be depended on many times.
 */
export function placeCharts(job: RenderJob): readonly PlacedFile[] {
  const own = new Map(job.files.filter(({ source }) => source === "").map(({ path, bytes }) => [path, bytes] as const));
  const files: PlacedFile[] = [];
  const { filesMax, inputBytesMax } = job.limits;
  let charts = 0;
  let bytes = 0;
  place(job.request.path, "", 0);
  return files;

  function place(from: string, to: string, depth: number): void {
    const prefix = from === "" ? "" : `${from}/`;
    const below = [...own].filter(([path]) => path.startsWith(prefix));
    charts += 1;
    bytes += below.reduce((sum, [, content]) => sum + content.length, 0);
    if (charts > CHARTS_MAX || files.length + below.length > filesMax || bytes > inputBytesMax) {
      const fix = "Depend on fewer charts, or keep in them only what is rendered.";
      throw new AppError("too-large", "the chart, with those that it depends on, is more than a render may read", {
        fix,
      });
    }
    for (const [path, bytes] of below)
      files.push({ path: joinPath(to, path.slice(prefix.length)), bytes, source: path });

    const chart = own.get(joinPath(from, "Chart.yaml"));
    if (chart === undefined || depth > CHART_DEPTH_MAX) return;
    // Whatever is wrong with it was told when it was traced.
    const [document] = readConfigText({ refuse: () => {} }, from, new TextDecoder().decode(chart)) ?? [];
    const inCharts = chartsOf(
      from,
      below.map(([path]) => path),
    );
    for (const { folder, written } of localDependencies(document?.value, inCharts)) {
      const dependency = resolvePath(from, written);
      if (dependency !== null) place(dependency, joinPath(to, "charts", folder), depth + 1);
    }
  }
}
