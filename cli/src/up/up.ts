import { createLog, type Log, silentLog } from "@muster/shared/log.ts";
import { pino } from "pino";
import { answered, type HubClient } from "../api/client.ts";
import { askOrRefuse } from "../commands/ask-or-refuse.ts";
import type { CommandContext } from "../commands/command-context.ts";
import { EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import { oneLine } from "../output/printable.ts";
import { problemText } from "../output/problem-text.ts";
import { statusText } from "../output/status-text.ts";
import { AGENT_NAMESPACE } from "./local-agent.ts";
import { previewCluster } from "./preview.ts";
import { previewText } from "./preview-text.ts";
import { type RenderedOnce, renderOnce } from "./render-once.ts";
import { startFleet } from "./start-fleet.ts";
import { openContexts, openMemoryClusters, type UpCluster } from "./up-clusters.ts";
import { appNameOf, repositoryUrl, type UpRequest, upDefinitions } from "./up-definitions.ts";
import { forgetHub, rememberHub, UP_HUB } from "./up-settings.ts";
import {
  forgetUp,
  isRunning,
  makeFolder,
  readUpRecord,
  type UpFolder,
  type UpRecord,
  upFolder,
  writeUpRecord,
} from "./up-state.ts";

export interface UpOptions {
  readonly repo: string;
  readonly path: string;
  readonly branch: string;
  readonly context: readonly string[];
  readonly namespace: string;
  readonly name?: string;
  readonly yes?: true;
  readonly once?: true;
  readonly verbose?: true;
}

/**
 * Hub and agents in this process until Ctrl-C: looks, shows what would change on real clusters, asks, and only then
 * writes anything there.
 */
export async function up(context: CommandContext, options: UpOptions): Promise<void> {
  const { terminal } = context;
  const folder = upFolder(context.env, context.home);
  const before = await readUpRecord(folder);
  if (before !== null && isRunning(before)) {
    throw new Failure(EXIT.failed, `\`muster up\` already runs here, as process ${before.pid}.`, {
      fix: "End it with Ctrl-C, or with: muster down",
    });
  }
  const log = logOf(options);
  const repository = repositoryUrl(options.repo, process.cwd());
  const { branch, path, namespace } = options;
  const request: UpRequest = { repository, branch, path, namespace, name: options.name ?? appNameOf(repository, path) };
  const isReal = options.context.length > 0;

  const clusters = isReal
    ? await openContexts(options.context, { env: context.env, log, version: context.version })
    : await openMemoryClusters();
  try {
    const record = recordOf(request, clusters, before);
    refuseStrangers(clusters, record, before);
    const rendered = await renderOnce(request, { folder: folder.root, signal: terminal.interrupted });
    const { commit, subject, bundle, notices } = rendered;
    const what = `${counted(bundle.objects.length, "object")} in ${oneLine(path)}`;
    terminal.write(`${oneLine(repository)} at ${commit.slice(0, 7)} "${oneLine(subject)}": ${what}\n\n`);
    for (const notice of notices) terminal.warn(`warning: ${problemText(notice)}\n`);
    if (isReal) {
      await showAndAsk(context, options, { clusters, request, rendered });
    } else {
      terminal.write("No --context was given: the clusters are in memory, stand-ins that are gone when this ends.\n");
      await forgetUp(folder); // what a hub knew of clusters that are gone is of no use
    }
    await runUntilInterrupted(context, options, { clusters, request, folder, record, log });
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.close()));
  }
}

export const logOf = ({ verbose }: { verbose?: true | undefined }): Log =>
  verbose
    ? createLog({ name: "up", level: "debug", destination: pino.destination({ dest: 2, sync: true }) })
    : silentLog;

function recordOf(
  request: UpRequest,
  clusters: readonly UpCluster[],
  before: UpRecord | null,
): Omit<UpRecord, "pid" | "url"> {
  const { repository, branch, path, name: app } = request;
  const madeBefore = (context: string | null) =>
    context !== null && before?.clusters.some((known) => known.context === context && known.madeNamespace) === true;
  return {
    repository,
    branch,
    path,
    app,
    clusters: clusters.map(({ name, context, hasAgentNamespace }) => ({
      name,
      context,
      madeNamespace: !hasAgentNamespace || madeBefore(context),
    })),
  };
}

/** An agent that somebody else installed is not pushed aside. */
function refuseStrangers(clusters: readonly UpCluster[], record: Pick<UpRecord, "app">, before: UpRecord | null): void {
  for (const { context, hasIdentity } of clusters) {
    const isOurs = before?.clusters.some((known) => known.context === context) === true;
    if (hasIdentity && !isOurs) {
      throw new Failure(
        EXIT.refused,
        `The cluster of ${context} has an agent of Muster already, in ${AGENT_NAMESPACE}.`,
        {
          fix: `\`muster up\` would take its place. Deploy ${record.app} through its own hub: muster apply -f FILE`,
        },
      );
    }
  }
  const left = before?.clusters.filter(
    ({ context }) => context !== null && !clusters.some((one) => one.context === context),
  );
  if (left !== undefined && left.length > 0) {
    const names = left.map(({ context }) => context).join(", ");
    throw new Failure(EXIT.refused, `An earlier \`muster up\` left ${before?.app} on ${names}.`, {
      fix: "Name those contexts as well, or clean up first: muster down --delete",
    });
  }
}

interface Plan {
  readonly clusters: readonly UpCluster[];
  readonly request: UpRequest;
}

async function showAndAsk(
  context: CommandContext,
  options: UpOptions,
  { clusters, request, rendered }: Plan & { rendered: RenderedOnce },
): Promise<void> {
  const { terminal } = context;
  const app = { project: "default", name: request.name };
  const previews = await Promise.all(
    clusters.map(({ api, name, context: of, version }) =>
      previewCluster(api, rendered.bundle, {
        cluster: `${name} (context ${of}, Kubernetes ${version})`,
        app,
        namespace: request.namespace,
      }),
    ),
  );
  terminal.write(previewText(previews, terminal.paint));
  terminal.write(`
Muster also keeps its memory there: Namespace ${AGENT_NAMESPACE}, with Secrets and a Lease.
What exists already and is not Muster's is left alone, and only what Muster made is ever pruned.
`);
  if (options.yes !== true)
    await askOrRefuse(context, `Deploy this to ${clusters.length === 1 ? "it" : `all ${clusters.length}`}?`);
}

/** Starts everything in order, and stops it in reverse. What was deployed to real clusters stays there. */
async function runUntilInterrupted(
  context: CommandContext,
  options: UpOptions,
  {
    clusters,
    request,
    folder,
    record,
    log,
  }: Plan & { folder: UpFolder; record: Omit<UpRecord, "pid" | "url">; log: Log },
): Promise<void> {
  const { terminal } = context;
  const isReal = clusters.some((cluster) => cluster.context !== null);
  const fatal = new AbortController();
  const onFatal = (error: unknown) => fatal.abort(error);
  if (isReal) await writeUpRecord(folder, { ...record, pid: 0, url: "" });
  else await makeFolder(folder);
  const fleet = await startFleet({ clusters, folder, log, onFatal });
  try {
    await writeUpRecord(folder, { ...record, pid: process.pid, url: fleet.hub.address });
    const isCurrent = await rememberHub(context, fleet.hub.address, folder);
    terminal.write(whereText(fleet.hub.address, folder, isCurrent));
    const names = clusters.map(({ name }) => name);
    const definitions = [...upDefinitions(request, names)];
    await answered(fleet.client.api.POST("/v1/apply", { body: { definitions, dryRun: false } }));
    await showLive(context, fleet.client, AbortSignal.any([terminal.interrupted, fatal.signal]), options);
    if (fatal.signal.aborted) throw fatal.signal.reason;
  } finally {
    await fleet.close();
    if (isReal) {
      await writeUpRecord(folder, { ...record, pid: 0, url: "" });
      terminal.write(stoppedText(clusters));
    } else {
      await forgetUp(folder);
      await forgetHub(context);
      terminal.write("\nStopped. The clusters were in memory, and are gone.\n");
    }
  }
}

function whereText(url: string, folder: UpFolder, isCurrent: boolean): string {
  const muster = isCurrent ? "npx muster" : `npx muster --hub ${UP_HUB}`;
  return `
API    ${url}
Token  ${folder.tokenFile}
CA     ${folder.caFile}

In another terminal:
  ${muster} status
  ${muster} get apps
  ${muster} why APP
  npx muster down            stops this

`;
}

/** Draws the fleet at every change until `signal` aborts; with `--once`, until everything is Healthy. */
async function showLive(
  context: CommandContext,
  client: HubClient,
  signal: AbortSignal,
  options: UpOptions,
): Promise<void> {
  const { terminal } = context;
  for await (const _ of client.changes({ signal, onCut: () => {} })) {
    const status = await answered(client.api.GET("/v1/status"));
    const isInMemory = options.context.length === 0;
    const note = isInMemory
      ? terminal.paint("quiet", "clusters in memory · Ctrl-C ends it")
      : terminal.paint("quiet", "Ctrl-C ends it; what is deployed stays");
    terminal.redraw(`${statusText(terminal, status, undefined)}\n${note}`);
    const isHealthy = status.apps.every(({ summary }) => summary.clusters > 0 && summary.healthy === summary.clusters);
    if (options.once && status.apps.length > 0 && isHealthy) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  terminal.drawn();
}

function stoppedText(clusters: readonly UpCluster[]): string {
  return `
Stopped. What was deployed keeps running on ${clusters.map(({ name }) => name).join(", ")}; nobody keeps it up to date now.
  go on:     the same \`muster up\` again
  clean up:  npx muster down --delete
`;
}
