import type { Figure, Goal } from "./define-bench.ts";
import type { BenchResult } from "./run-bench.ts";

/** bench/README.md: every recorded result, and nothing that is not in them. */
export function renderResults(results: readonly BenchResult[]): string {
  const lines = [
    "# Benchmarks",
    "",
    "Written by `npm run bench -- --readme` from [`results/`](results); do not edit. `npm run bench -- --list` names the",
    "benchmarks, `npm run bench -- NAME` runs one and records its result.",
    "",
  ];
  if (results.length === 0) lines.push("No result is recorded yet.", "");
  for (const result of [...results].sort((left, right) => (left.name < right.name ? -1 : 1))) {
    lines.push(`## ${result.name}`, "", `${result.describe}.`.replace(/\.\.$/, "."), "");
    lines.push("| figure | value | goal | met |", "| --- | ---: | ---: | --- |");
    for (const [name, figure] of Object.entries(result.figures)) lines.push(row(name, figure));
    lines.push("");
    for (const note of result.notes) lines.push(`- ${note}`);
    if (result.notes.length > 0) lines.push("");
    lines.push(`Measured ${result.date.slice(0, 10)} at \`${result.commit}\` on ${result.machine}.`, "");
  }
  return lines.join("\n");
}

function row(name: string, { value, unit, goal, met }: Figure): string {
  const verdict = met === null ? "" : met ? "yes" : "**no**";
  return `| ${name.replaceAll("|", "\\|")} | ${withUnit(value, unit)} | ${goalInWords(goal, unit)} | ${verdict} |`;
}

function goalInWords(goal: Goal | null, unit: string): string {
  if (goal === null) return "";
  return "max" in goal ? `≤ ${withUnit(goal.max, unit)}` : `≥ ${withUnit(goal.min, unit)}`;
}

function withUnit(value: number, unit: string): string {
  return `${value.toLocaleString("en-US", { maximumFractionDigits: 6 })} ${unit}`.trim();
}
