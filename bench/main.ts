// `npm run bench -- NAME`: runs benchmarks and records what they say. See `usage`.
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { readArguments } from "@muster/shared/read-arguments.ts";
import { type Bench, onlyParts } from "./define-bench.ts";
import { machineInWords } from "./measure/machine.ts";
import { renderResults } from "./results-table.ts";
import { type BenchResult, runBench } from "./run-bench.ts";

const folder = import.meta.dirname;
const resultsFolder = join(folder, "results");
const readme = join(folder, "README.md");

const usage = `Usage: npm run bench -- NAME [NAME...]

  NAME [NAME...]            run, and record bench/results/NAME.json and the table
  NAME --only PART[,PART]   run some of its parts, and record nothing
  --all                     run them all
  --list                    name them, and their parts
  --readme                  write bench/README.md from the recorded results
  --readme --check          fail if it is not what the results say
`;

const { values: options, positionals: names } = readArguments(
  {
    allowPositionals: true,
    options: {
      all: { type: "boolean", default: false },
      only: { type: "string" },
      list: { type: "boolean", default: false },
      readme: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
    },
  },
  { usage, refuse },
);

function refuse(text: string): never {
  process.stderr.write(`bench: ${text}`);
  process.exit(2);
}

if (options.readme) writeReadme(options.check);
else {
  const benches = await loadBenches();
  if (options.list) {
    const width = Math.max(0, ...benches.map((bench) => bench.name.length));
    for (const bench of benches) {
      console.log(`${bench.name.padEnd(width)}  ${bench.describe}`);
      if (bench.parts) console.log(`${" ".repeat(width)}  parts: ${Object.keys(bench.parts).join(", ")}`);
    }
    if (benches.length === 0) console.log("no benchmark yet: write bench/NAME.bench.ts");
  } else await runThem(options.all ? benches : names.map((name) => findBench(benches, name)));
}

async function runThem(benches: readonly Bench[]): Promise<void> {
  if (benches.length === 0) refuse(`Name a benchmark.\n\n${usage}`);
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => interrupt.abort(new Error(`interrupted by ${signal}`)));
  }
  for (const bench of benches) {
    console.log(`${bench.name}: ${bench.describe}`);
    const startedAt = performance.now();
    const chosen = options.only === undefined ? bench : partsOf(bench, options.only);
    const result = await runBench(chosen, {
      commit: commitInWords(),
      date: new Date().toISOString(),
      machine: machineInWords(),
      signal: interrupt.signal,
      elapsedMs: () => performance.now() - startedAt,
      onFigure(name, { value, unit, goal, met }) {
        const verdict = goal === null ? "" : ` (goal ${JSON.stringify(goal)}: ${met ? "met" : "NOT met"})`;
        console.log(`  ${name}: ${value} ${unit}${verdict}`);
      },
    });
    // A part alone is for finding out where time goes: a record is of one run and one commit.
    if (options.only === undefined) {
      mkdirSync(resultsFolder, { recursive: true });
      writeFileSync(join(resultsFolder, `${bench.name}.json`), `${JSON.stringify(result, null, 2)}\n`);
    }
  }
  if (options.only === undefined) writeReadme(false);
}

function partsOf(bench: Bench, names: string): Bench {
  try {
    return onlyParts(bench, names);
  } catch (error) {
    return refuse(`${(error as Error).message}.\n`);
  }
}

async function loadBenches(): Promise<Bench[]> {
  const files = globSync(["*.bench.ts", "*/*.bench.ts"], { cwd: folder }).filter(
    (file) => !file.startsWith("node_modules"),
  );
  const benches = await Promise.all(
    files.map(async (file) => {
      const { default: bench } = (await import(pathToFileURL(join(folder, file)).href)) as { default?: Bench };
      if (bench?.name !== basename(file, ".bench.ts")) {
        throw new Error(`${file} must export defineBench({ name: "${basename(file, ".bench.ts")}", … }) as default`);
      }
      return bench;
    }),
  );
  return benches.sort((left, right) => (left.name < right.name ? -1 : 1));
}

function findBench(benches: readonly Bench[], name: string): Bench {
  const found = benches.find((bench) => bench.name === name);
  if (found === undefined)
    return refuse(`There is no benchmark "${name}"; there are: ${benches.map((one) => one.name).join(", ")}.\n`);
  return found;
}

/** The commit that was measured; "with changes" if the sources differed from it. */
function commitInWords(): string {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, encoding: "utf8" }).trim();
  try {
    const isChanged = git("status", "--porcelain", "--", "..", ":(exclude)results", ":(exclude)README.md") !== "";
    return `${git("rev-parse", "--short=12", "HEAD")}${isChanged ? " with changes" : ""}`;
  } catch {
    return "unknown"; // Not a checkout: the numbers still hold for the machine.
  }
}

function writeReadme(isCheck: boolean): void {
  const files = existsSync(resultsFolder) ? globSync("*.json", { cwd: resultsFolder }) : [];
  const results = files.map((file) => JSON.parse(readFileSync(join(resultsFolder, file), "utf8")) as BenchResult);
  const wanted = renderResults(results);
  if (existsSync(readme) && readFileSync(readme, "utf8") === wanted) return;
  if (!isCheck) writeFileSync(readme, wanted);
  else {
    console.error("bench/README.md is not what the results say; run `npm run bench -- --readme` and commit");
    process.exitCode = 1;
  }
}
