/**
 * Test control planes by hand: `npm run control-plane -- up --clusters 2`. See `usage`.
 */
import { readArguments } from "@muster/shared/read-arguments.ts";
import { buildTools } from "./build/build-tools.ts";
import { cacheRoot, isBuilt, toolFolder } from "./build/cache-folder.ts";
import { goVersion } from "./build/go-build.ts";
import { createTestClusters } from "./test-clusters.ts";
import { type ToolName, tools } from "./versions.ts";

const usage = `Usage: npm run control-plane -- COMMAND

  up [--clusters N] [--kubernetes newest|older] [--nodes N] [--no-controllers] [--audit-log]
             start clusters, print their kubeconfigs, run until Ctrl-C
  build [TOOL...]
             build what tests need into the cache (${Object.keys(tools).join(", ")})
  status     say what is built, and where
`;

const { values, positionals } = readArguments(
  {
    allowPositionals: true,
    options: {
      clusters: { type: "string", default: "1" },
      kubernetes: { type: "string", default: "newest" },
      nodes: { type: "string", default: "1" },
      "no-controllers": { type: "boolean", default: false },
      "audit-log": { type: "boolean", default: false },
    },
  },
  {
    usage,
    refuse(text) {
      process.stderr.write(`control-plane: ${text}`);
      process.exit(2);
    },
  },
);

const [command, ...rest] = positionals;
try {
  await run();
} catch (error) {
  // The message is written for people; where in this file it came from is of no use to them.
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  switch (command) {
    case "up":
      return up();
    case "build":
      return buildTools(rest.length > 0 ? rest.map(toolName) : allTools(), (line) => console.log(line));
    case "status":
      return status();
    default:
      process.stderr.write(usage);
      process.exitCode = 2;
  }
}

async function up(): Promise<void> {
  const clusters = wholeNumber("clusters", values.clusters, 1);
  const nodes = wholeNumber("nodes", values.nodes, 0);
  const { kubernetes } = values;
  if (kubernetes !== "newest" && kubernetes !== "older") {
    throw new Error(`--kubernetes must be newest or older, not "${kubernetes}"`);
  }
  const interrupted = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, resolve);
  });
  const startedAt = performance.now();
  const controlPlane = await createTestClusters({
    clusters,
    nodes,
    kubernetes,
    controllers: !values["no-controllers"],
    auditLog: values["audit-log"],
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${clusters} ${clusters === 1 ? "cluster" : "clusters"} ready after ${seconds} s:`);
  for (const cluster of controlPlane.clusters) {
    console.log(`  ${cluster.name}  ${cluster.kubernetesVersion}  ${cluster.server}`);
    console.log(`    export KUBECONFIG=${cluster.kubeconfigPath}`);
    if (cluster.auditLogPath) console.log(`    audit log: ${cluster.auditLogPath}`);
  }
  console.log(`kubectl: ${controlPlane.clusters[0]?.kubectlPath}`);
  console.log("Ctrl-C stops and removes everything.");
  // Signals do not keep a process alive, and nothing else here would.
  const keepAlive = setInterval(() => {}, 60_000);
  const signal = await interrupted;
  clearInterval(keepAlive);
  console.log(`\n${signal}: stopping`);
  await controlPlane.stop();
}

async function status(): Promise<void> {
  console.log(`cache: ${cacheRoot()}`);
  console.log(`go:    ${(await goVersion()) ?? "not on the path"}`);
  for (const tool of Object.values(tools)) {
    const state = isBuilt(tool) ? toolFolder(tool) : `not built (about ${Math.ceil(tool.buildSeconds / 60)} min)`;
    console.log(`${`${tool.name} ${tool.version}`.padEnd(28)} ${state}`);
  }
}

function allTools(): ToolName[] {
  return Object.keys(tools) as ToolName[];
}

function toolName(text: string): ToolName {
  if (text in tools) return text as ToolName;
  throw new Error(`there is no tool "${text}"; choose of ${allTools().join(", ")}`);
}

function wholeNumber(name: string, text: string, min: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min) return value;
  throw new Error(`--${name} must be a whole number of at least ${min}, not "${text}"`);
}
