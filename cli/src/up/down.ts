import { readFile } from "node:fs/promises";
import type { ClusterApi } from "@muster/agent/ports/cluster-api.ts";
import { answered, createHubClient, type HubClient } from "../api/client.ts";
import { askOrRefuse } from "../commands/ask-or-refuse.ts";
import type { CommandContext } from "../commands/command-context.ts";
import { EXIT, Failure } from "../failure.ts";
import { oneLine } from "../output/printable.ts";
import { AGENT_NAMESPACE } from "./local-agent.ts";
import { startFleet } from "./start-fleet.ts";
import { logOf } from "./up.ts";
import { openContexts, type UpCluster } from "./up-clusters.ts";
import { forgetHub } from "./up-settings.ts";
import { forgetUp, isRunning, readUpRecord, type UpFolder, type UpRecord, upFolder } from "./up-state.ts";

export interface DownOptions {
  readonly delete?: true;
  readonly yes?: true;
  readonly verbose?: true;
}

const STOP_TIMEOUT_MS = 30_000;
const DELETE_TIMEOUT_MS = 5 * 60_000;
const LOOK_EVERY_MS = 250;

/** Stops a running `muster up`; with `--delete`, takes what it deployed out of the clusters first, by tombstones. */
export async function down(context: CommandContext, options: DownOptions): Promise<void> {
  const { terminal } = context;
  const folder = upFolder(context.env, context.home);
  const record = await readUpRecord(folder);
  if (record === null) {
    terminal.write("Nothing is up.\n");
    return;
  }
  const real = record.clusters.filter((cluster) => cluster.context !== null);
  const names = real.map(({ name }) => oneLine(name)).join(", ");
  if (options.delete && real.length > 0) {
    terminal.write(`Deletes the App ${oneLine(record.app)} and what it made from ${names}, and ${AGENT_NAMESPACE} after it.
A namespace that was made for the App stays: other things may live in it by now.\n`);
    if (options.yes !== true) await askOrRefuse(context, "Go on?");
  }

  if (await isUp(record, folder)) await stopProcess(record.pid);
  else if (!options.delete) terminal.write("It was stopped already.\n");

  if (real.length === 0) {
    await forgetUp(folder);
    await forgetHub(context);
    terminal.write("Stopped. Its clusters were in memory, and are gone.\n");
    return;
  }
  if (!options.delete) {
    terminal.write(`Stopped. What was deployed keeps running on ${names}.\nTo delete it: npx muster down --delete\n`);
    return;
  }
  await deleteEverywhere(context, options, record, folder);
  await forgetUp(folder);
  await forgetHub(context);
  terminal.write(`Gone from ${names}, and so is what Muster kept for itself.\n`);
}

/** The process has its number, and the hub in it answers to its own token: so it is no stranger's process. */
async function isUp(record: UpRecord, folder: UpFolder): Promise<boolean> {
  if (!isRunning(record)) return false;
  try {
    const [token, ca] = await Promise.all([readFile(folder.tokenFile, "utf8"), readFile(folder.caFile, "utf8")]);
    const client = createHubClient({ url: record.url, token: token.trim(), ca });
    try {
      await answered(client.api.GET("/v1/status"));
      return true;
    } finally {
      await client.close();
    }
  } catch {
    return false;
  }
}

async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  await until(STOP_TIMEOUT_MS, `process ${pid} did not end`, async () => !isRunning({ pid }));
}

async function deleteEverywhere(
  context: CommandContext,
  options: DownOptions,
  record: UpRecord,
  folder: UpFolder,
): Promise<void> {
  const log = logOf(options);
  const { env, version, terminal } = context;
  const contexts = record.clusters.flatMap((cluster) => cluster.context ?? []);
  const failed = new AbortController();
  const onFatal = (error: unknown) => failed.abort(error);
  const clusters = await openContexts(contexts, { env, log, version });
  try {
    const fleet = await startFleet({ clusters, folder, log, onFatal });
    try {
      await deleteApp(fleet.client, record.app, (state) => terminal.warn(`${state}\n`));
      failed.signal.throwIfAborted();
    } finally {
      await fleet.close();
    }
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.close()));
  }
  // Anew: an agent that stops closes its connection to the cluster with it.
  for (const cluster of await openContexts(contexts, { env, log, version })) {
    try {
      await removeOwn(cluster, record);
    } finally {
      await cluster.close();
    }
  }
}

async function deleteApp({ api }: HubClient, name: string, onWait: (state: string) => void): Promise<void> {
  const params = { path: { project: "default", name } };
  const find = async () => (await answered(api.GET("/v1/apps"))).items.find((app) => app.name === name);
  if ((await find()) === undefined) return;
  await answered(api.DELETE("/v1/projects/{project}/apps/{name}", { params }));
  let told = "";
  await until(DELETE_TIMEOUT_MS, `${name} is not gone from every cluster: see muster status`, async () => {
    const app = await find();
    if (app !== undefined && app.state !== told) onWait(oneLine(app.state));
    told = app?.state ?? "";
    return app === undefined;
  });
}

/** What `up` made for itself, and only where it made it. */
async function removeOwn({ api, context, name }: UpCluster, record: UpRecord): Promise<void> {
  const known = record.clusters.find((cluster) => cluster.context === context);
  if (known?.madeNamespace !== true) return;
  await deleteNamespace(api, name);
}

async function deleteNamespace(api: ClusterApi, cluster: string): Promise<void> {
  const ref = { apiVersion: "v1", kind: "Namespace", namespace: "", name: AGENT_NAMESPACE };
  const live = await api.get(ref);
  if (live === null) return;
  await api.delete(ref, { uid: live.metadata.uid });
  await until(DELETE_TIMEOUT_MS, `Namespace ${AGENT_NAMESPACE} of ${cluster} does not go`, async () => {
    const now = await api.get(ref);
    return now === null || now.metadata.uid !== live.metadata.uid;
  });
}

async function until(timeoutMs: number, otherwise: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Failure(EXIT.failed, `${otherwise}.`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
