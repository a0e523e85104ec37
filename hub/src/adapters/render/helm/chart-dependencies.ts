import type { YamlPath } from "@muster/shared/manifest/read-yaml.ts";
import { recordsIn } from "../read-config-file.ts";

/** A dependency whose chart stands in the same repository. */
export interface LocalDependency {
  readonly name: string;
  /** As it is written after `file://`, relative to the chart that depends. */
  readonly written: string;
  readonly at: YamlPath;
}

/** How deep charts of one repository may depend on one another. */
export const CHART_DEPTH_MAX = 8;

/**
 * Dependencies at `file://` paths that are not packed into `charts/`: they are put there for the render, as
 * `helm dependency build` would. `inCharts`: names directly in the chart's `charts/`.
 */
export function localDependencies(chart: unknown, inCharts: ReadonlySet<string>): readonly LocalDependency[] {
  if (typeof chart !== "object" || chart === null) return [];
  const { dependencies } = chart as Readonly<Record<string, unknown>>;
  return recordsIn(dependencies, ["dependencies"]).flatMap(({ record, at }): LocalDependency[] => {
    const { name, repository } = record;
    if (typeof name !== "string" || typeof repository !== "string" || !repository.startsWith("file://")) return [];
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) return [];
    const isPacked = [...inCharts].some(
      (entry) => entry === name || (entry.startsWith(`${name}-`) && entry.endsWith(".tgz")),
    );
    if (isPacked) return [];
    return [{ name, written: repository.slice("file://".length), at: [...at, "repository"] }];
  });
}

/** What is directly in `charts/` of a chart, of the files below it. */
export function chartsOf(chart: string, paths: Iterable<string>): ReadonlySet<string> {
  const prefix = chart === "" ? "charts/" : `${chart}/charts/`;
  const names = new Set<string>();
  for (const path of paths) {
    if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split("/", 1)[0] as string);
  }
  return names;
}
