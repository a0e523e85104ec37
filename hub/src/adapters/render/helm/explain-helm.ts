import type { Problem } from "@muster/shared/model/problem.ts";

const MESSAGE_LENGTH_MAX = 1_200;
/** A template may fail with any text, and what is looked for in it stands at its beginning. */
const LOOKED_INTO_MAX = 8_192;
/** Begins only where no such word was begun: a long one is read once. */
const TEMPLATE_NAME = /(?<![\w.@+/-])((?:[\w.@+-]+\/)+[\w.@+-]+)(?::(\d+))?(?::\d+)?/;

export interface HelmPlaces {
  /** Where the chart is: of what is told of no file in particular. */
  readonly chart: string;
  /** Of `chartname/templates/a.yaml`. */
  pathOf(name: string): string;
  /** Values files by their names in the sandbox. */
  readonly values: ReadonlyMap<string, string>;
  /** Line of a dependency in the chart's Chart.yaml. */
  dependencyLine(name: string): number | undefined;
}

/** What Helm said, told as a problem with paths of the repository. */
export function explainHelm(errors: string, places: HelmPlaces): Problem {
  let said = lastError(errors);
  for (const [name, path] of places.values) said = said.replaceAll(`../${name}`, path);
  const template = TEMPLATE_NAME.exec(said);

  const missing = /missing in charts\/ directory: (.+)/.exec(said)?.[1];
  if (missing !== undefined) return dependencyMissing(missing.trim(), places);
  const values = /failed to parse (\S+?): (.*)/s.exec(said);
  if (values !== null) return valuesUnreadable(values[1] as string, values[2] as string, places);
  const remote = /failing loading "([^"]+)"/.exec(said)?.[1];
  if (remote !== undefined) return schemaRemote(remote, `${places.chart}/values.schema.json`);
  if (said.startsWith("values don't meet")) {
    return {
      code: "RenderFailed",
      message: `Helm: ${said.slice(0, MESSAGE_LENGTH_MAX)}`,
      where: { path: places.chart },
      fix: "Correct the values, or the chart's values.schema.json.",
    };
  }
  const name = template?.[1] ?? "";
  const path = /\/(templates|crds)\//.test(name) ? places.pathOf(name) : places.chart;
  // Of YAML that does not parse, the line is that of the output.
  const line = said.includes("YAML parse error") ? undefined : Number(template?.[2] ?? 0) || undefined;
  if (path !== places.chart) said = said.replaceAll(name, path);
  const isAliasBomb = /excessive aliasing/.test(said);
  return {
    code: isAliasBomb ? "TooManyAliases" : "RenderFailed",
    message: `Helm: ${said.slice(0, MESSAGE_LENGTH_MAX)}`,
    where: { path, ...(line === undefined ? {} : { line }) },
    fix: "helm template with the same values says the same; correct the chart or the values and push.",
  };
}

export const schemaRemote = (url: string, path: string): Problem => ({
  code: "RemoteRefused",
  message: `values.schema.json takes ${JSON.stringify(url.slice(0, 200))} from elsewhere; rendering has no network, and no files but the chart's.`,
  where: { path },
  fix: "Put that schema into the chart's own, under $defs.",
});

function dependencyMissing(names: string, { chart, dependencyLine }: HelmPlaces): Problem {
  const line = dependencyLine(names.split(",", 1)[0]?.trim() ?? "");
  return {
    code: "DependencyMissing",
    message: `the chart depends on ${names}, and its charts/ directory does not hold ${names.includes(",") ? "them" : "it"}.`,
    where: { path: `${chart === "" ? "" : `${chart}/`}Chart.yaml`, ...(line === undefined ? {} : { line }) },
    fix: "Run helm dependency update in the chart and commit charts/: rendering itself fetches nothing.",
  };
}

function valuesUnreadable(name: string, reason: string, places: HelmPlaces): Problem {
  const line = Number(/\bline (\d+)\b/.exec(reason)?.[1] ?? 0) || undefined;
  const isAliasBomb = /excessive aliasing/.test(reason);
  return {
    code: isAliasBomb ? "TooManyAliases" : "InvalidYaml",
    message: isAliasBomb
      ? `the values file ${name} says, with its aliases, far more than it holds.`
      : `the values file ${name} cannot be read: ${reason.split(": ").slice(-2).join(": ").trim().slice(0, 500)}.`,
    where: { path: [...places.values.values()].includes(name) ? name : places.chart, ...(line ? { line } : {}) },
    fix: isAliasBomb ? "Write out what the aliases stand for, or use fewer of them." : "Correct the file and push.",
  };
}

/** Without what is logged before, and without advice for those who can run it with other options. */
function lastError(errors: string): string {
  const start = errors.search(/^Error: /m);
  const said = start < 0 ? errors : errors.slice(start + "Error: ".length);
  const looked = said.slice(0, LOOKED_INTO_MAX).replace(/\nUse --debug flag[^\n]*\n*$/, "");
  return looked.trim() || "it failed, and said nothing";
}
