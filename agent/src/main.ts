/**
 * The agent of one cluster. Flags and environment: config.ts. It writes JSON lines to standard output.
 *
 * Ends with: 0 told to stop (SIGTERM, SIGINT), and everything ended in order; 1 something failed for good; 2 the
 * configuration is wrong; 3 the hub, or the identity that is stored, refuses this cluster.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import { giveBackMemory } from "@muster/shared/give-back-memory.ts";
import { createLog, type Log } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { VERSION } from "@muster/shared/version.ts";
import { createKubernetesCluster } from "./adapters/kubernetes/create-kubernetes-cluster.ts";
import { connectInCluster } from "./adapters/kubernetes/in-cluster.ts";
import { connectKubeconfig } from "./adapters/kubernetes/kubeconfig.ts";
import { type AgentConfig, readConfig, usage } from "./config.ts";
import { type AgentProcess, createAgentProcess } from "./create-agent-process.ts";

const exitCodes = { stopped: 0, failed: 1, configuration: 2, refused: 3 } as const;

const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  // A second signal ends the process at once, as it would without us.
  process.once(signal, () => stopping.abort());
}

process.exitCode = await main();

async function main(): Promise<number> {
  if (process.argv.includes("--help")) {
    process.stdout.write(usage());
    return exitCodes.stopped;
  }
  let config: AgentConfig;
  try {
    config = readConfig(process.argv.slice(2), process.env);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${error instanceof AppError && error.fix ? `${error.fix}\n` : ""}`);
    return exitCodes.configuration;
  }
  const log = createLog({ name: "agent", level: config["log-level"] });
  const stopGivingBack = giveBackMemory({ log });
  try {
    await run(config, log);
    log.info("stopped");
    return exitCodes.stopped;
  } catch (error) {
    if (stopping.signal.aborted) return exitCodes.stopped;
    log.error(
      { err: error, ...(error instanceof AppError && error.fix ? { fix: error.fix } : {}) },
      "the agent cannot go on",
    );
    return isAppError(error, "forbidden") ? exitCodes.refused : exitCodes.failed;
  } finally {
    stopGivingBack();
  }
}

/** Starts the agent, waits for the signal, and stops everything in reverse order. */
async function run(config: AgentConfig, log: Log): Promise<void> {
  const { signal } = stopping;
  const cluster = createKubernetesCluster({
    connection: await connect(config),
    clock: systemClock,
    random: Math.random,
    log,
    version: VERSION,
  });
  const agent = await createAgentProcess({
    cluster,
    namespace: config.namespace,
    hubAddress: config.hub,
    caHash: config["ca-hash"],
    joinToken: await joinToken(config),
    leaseIdentity: config["lease-identity"],
    log,
    signal,
  });
  const closeHealth = config["health-port"] === 0 ? () => {} : serveHealth(agent, config["health-port"]);
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
  log.info("stopping");
  closeHealth();
  await agent.close();
}

async function connect(config: AgentConfig): ReturnType<typeof connectInCluster> {
  const { kubeconfig, context } = config;
  if (kubeconfig === undefined && context === undefined) return connectInCluster({ clock: systemClock });
  return connectKubeconfig({
    clock: systemClock,
    ...(kubeconfig === undefined ? {} : { path: kubeconfig }),
    ...(context === undefined ? {} : { context }),
  });
}

async function joinToken(config: AgentConfig): Promise<string | null> {
  const file = config["join-token-file"];
  if (file === undefined) return config["join-token"] ?? null;
  try {
    return (await readFile(file, "utf8")).trim() || null;
  } catch (cause) {
    throw new AppError("invalid", `the join token's file ${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      fix: "Mount the file, or leave --join-token-file out if this agent has joined before.",
    });
  }
}

/** For a liveness probe: the process answers, and says what it does. Loopback only. */
function serveHealth(agent: AgentProcess, port: number): () => void {
  const server = createServer((request, response) => {
    if (request.url !== "/healthz") {
      response.writeHead(404).end();
      return;
    }
    const { isActing, isConnected, apps } = agent.status();
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`${JSON.stringify({ status: "ok", isActing, isConnected, apps: apps.length })}\n`);
  });
  server.listen(port, "127.0.0.1");
  server.unref();
  return () => server.close();
}
