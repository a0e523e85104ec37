import type { YamlPath } from "@muster/shared/manifest/read-yaml.ts";
import { recordsIn } from "../read-config-file.ts";

/** A dependency whose chart stands in the same repository. */
export interface LocalDependency {
  /** What its folder in `charts/` is called: Helm goes by the name in its Chart.yaml. */
  readonly folder: string;
  /** As it is written after `file://`, relative to the chart that depends. */
  readonly written: string;
  readonly at: YamlPath;
}

/** How deep charts of one repository may depend on one another. */
export const CHART_DEPTH_MAX = 8;
/** How many of them one render puts together, each time that one is depended on counted. */
export const CHARTS_MAX = 100;

/**
 * Dependencies at `file://` paths that are not packed into `charts/`: they are put there for the render, as
 * `helm dependency build` would; one that is there twice, under two aliases, once. `inCharts`: names directly in the
 * chart's `charts/`.
 */
export function localDependencies(chart: unknown, inCharts: ReadonlySet<string>): readonly LocalDependency[] {
  if (typeof chart !== "object" || chart === null) return [];
  const { dependencies } = chart as Readonly<Record<string, unknown>>;
  const found = new Map<string, LocalDependency>();
  const folders = new Set(inCharts);
  for (const { record, at } of recordsIn(dependencies, ["dependencies"])) {
    const { name, repository } = record;
    if (typeof name !== "string" || typeof repository !== "string" || !repository.startsWith("file://")) continue;
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name) || isPacked(name, inCharts)) continue;
    const written = repository.slice("file://".length);
    if (found.has(`${name} ${written}`)) continue;
    let folder = name;
    for (let next = 2; folders.has(folder); next += 1) folder = `${name}-${next}`;
    folders.add(folder);
    found.set(`${name} ${written}`, { folder, written, at: [...at, "repository"] });
  }
  return [...found.values()];
}

const isPacked = (name: string, inCharts: ReadonlySet<string>): boolean =>
  [...inCharts].some((entry) => entry === name || (entry.startsWith(`${name}-`) && entry.endsWith(".tgz")));

/** What is directly in `charts/` of a chart, of the files below it. */
export function chartsOf(chart: string, paths: Iterable<string>): ReadonlySet<string> {
  const prefix = chart === "" ? "charts/" : `${chart}/charts/`;
  const names = new Set<string>();
  for (const path of paths) {
    if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split("/", 1)[0] as string);
  }
  return names;
}
