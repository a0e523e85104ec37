// `npm test`: the unit tests first, so that their result shows at once, while the real control plane is built in the
// background; then the end-to-end tests against it. Arguments go to vitest: `npm test -- plan-rollout`.
//
// Ends with one line, `N passed, N failed, N skipped`. Fails if a test failed, if nothing ran at all, and with CI=true
// if an end-to-end test was skipped: what CI has not run is not known to work.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { repositoryRoot, toolEnvironment } from "./repository.ts";
import { addCounts, closingLine, countTests, type JsonReport, namesOfSkipped, noTests } from "./test-counts.ts";

type Project = "unit" | "e2e";

const isCi = process.env.CI === "true" || process.env.CI === "1";
const { projects, forwarded } = readArguments(process.argv.slice(2));
const reports = mkdtempSync(join(tmpdir(), "muster-test-"));
const running = new Set<ChildProcess>();
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    isInterrupted = true;
    for (const child of running) child.kill(signal);
  });
}

try {
  process.exitCode = (await runAll()) ? 0 : 1;
} finally {
  for (const child of running) child.kill("SIGTERM");
  rmSync(reports, { recursive: true, force: true });
}

async function runAll(): Promise<boolean> {
  const hasE2e = projects.includes("e2e") && hasMatchingFiles("e2e");
  const build = hasE2e ? startControlPlaneBuild() : null;

  let total = noTests;
  if (projects.includes("unit")) total = addCounts(total, (await runProject("unit")).counts);

  let skippedE2e: string[] = [];
  if (hasE2e && !isInterrupted) {
    build?.show();
    const problem = await build?.finished;
    if (problem) console.log(`\n${problem}\n`);
  }
  if (hasE2e && !isInterrupted) {
    const e2e = await runProject("e2e");
    total = addCounts(total, e2e.counts);
    // Tests left out by name are vitest's to count; nobody needs them listed.
    const isByName = forwarded.some((arg) => /^(-t|--testNamePattern)/.test(arg));
    skippedE2e = isByName ? [] : namesOfSkipped(e2e.report);
  }

  if (skippedE2e.length > 0) {
    console.log(`\n${skippedE2e.length} end-to-end test(s) skipped:`);
    for (const name of skippedE2e) console.log(`  ${relative(repositoryRoot, name)}`);
    if (isCi) console.error("CI=true: an end-to-end test that is skipped fails the run");
  }
  const isEmpty = total.passed + total.failed === 0;
  if (isEmpty) console.error("no test ran");
  console.log(closingLine(total));
  return !isInterrupted && total.failed === 0 && !isEmpty && !(isCi && skippedE2e.length > 0);
}

/** Runs one project; its output goes straight to the terminal, its numbers come from vitest's JSON report. */
async function runProject(project: Project): Promise<{ counts: typeof noTests; report: JsonReport | null }> {
  const file = join(reports, `${project}.json`);
  const child = start("vitest", [
    "run",
    ...["--project", project],
    "--passWithNoTests",
    ...["--reporter", "default", "--reporter", "json", "--outputFile.json", file],
    ...forwarded,
  ]);
  const exitCode = await exitOf(child);
  const report = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as JsonReport) : null;
  return { counts: countTests(report, exitCode), report };
}

/** Whether this run would run a file of the project: a pattern for one unit test needs no control plane. */
function hasMatchingFiles(project: Project): boolean {
  const { status, stdout } = spawnSync("vitest", ["list", "--project", project, "--filesOnly", ...forwarded], {
    cwd: repositoryRoot,
    env: toolEnvironment(),
    encoding: "utf8",
  });
  // On any doubt run the project: vitest itself then says what is wrong.
  if (status !== 0) return true;
  return stdout.includes(".test.ts");
}

type Build = { finished: Promise<string | null>; show: () => void };

/**
 * Builds the real control plane (Go sources: many minutes when cold, instant when cached) while the unit tests run.
 * `finished` resolves to null, or to a line that says why suites will be skipped or fail; `show` prints its progress
 * from then on, so that it does not run through the results of the unit tests.
 */
function startControlPlaneBuild(): Build {
  const nothing = { finished: Promise.resolve(null), show: () => {} };
  const command = join(repositoryRoot, "e2e/control-plane/main.ts");
  const provider = process.env.MUSTER_TEST_PROVIDER ?? "built";
  if (!existsSync(command) || provider !== "built") return nothing;
  if (spawnSync("go", ["version"], { stdio: "ignore" }).status !== 0) {
    const advice =
      "Go is not installed, so the real control plane cannot be built: suites that need it are skipped unless kind can\n" +
      "stand in. Install Go 1.26 or later (https://go.dev/dl), or Docker and kind, to run them.";
    return { ...nothing, finished: Promise.resolve(advice) };
  }
  const child = start("node", [command, "build"], "pipe");
  // The unit tests come first on a machine with few cores; what the build starts inherits this.
  if (child.pid !== undefined) setPriority(child.pid, 10);
  let output = "";
  let isShown = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-16_000);
      if (isShown) process.stdout.write(text);
    });
  }
  const finished = exitOf(child).then((exitCode) =>
    exitCode === 0 ? null : `building the control plane failed (exit code ${exitCode}); its last words:\n${output}`,
  );
  return {
    finished,
    show() {
      isShown = true;
      if (running.has(child)) process.stdout.write(`\nwaiting for the real control plane to be built\n${output}`);
    },
  };
}

function start(command: string, args: string[], output: "inherit" | "pipe" = "inherit"): ChildProcess {
  const child = spawn(command, args, {
    cwd: repositoryRoot,
    env: toolEnvironment(),
    stdio: ["ignore", output, output],
  });
  running.add(child);
  return child;
}

async function exitOf(child: ChildProcess): Promise<number> {
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code ?? 1;
  } catch (error) {
    console.error(`cannot start a command: ${(error as Error).message}; run \`npm ci\``);
    return 1;
  } finally {
    running.delete(child);
  }
}

/** `--project NAME` chooses here, since the two projects are two runs; the rest is vitest's. */
function readArguments(args: string[]): { projects: Project[]; forwarded: string[] } {
  const chosen: Project[] = [];
  const rest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    const value = arg === "--project" ? args[++index] : arg.startsWith("--project=") ? arg.slice(10) : null;
    if (value === null) rest.push(arg);
    else if (value === "unit" || value === "e2e") chosen.push(value);
    else throw new Error(`--project is unit or e2e, not ${value}`);
  }
  return { projects: chosen.length > 0 ? chosen : ["unit", "e2e"], forwarded: rest };
}
