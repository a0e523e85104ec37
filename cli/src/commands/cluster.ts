import type { Command } from "commander";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { oneLine } from "../output/printable.ts";
import { clusterColumns } from "../output/views.ts";
import { forPrograms, type OutputFormat, outputOption, tableOf } from "../output/write-output.ts";
import { waitsText } from "./approval.ts";
import { askOrRefuse } from "./ask-or-refuse.ts";
import type { CommandContext } from "./command-context.ts";
import { askBeforeLabels, movesText, sendLabels } from "./label-cluster.ts";
import { labelChange } from "./scoped-name.ts";

interface RegisterOptions {
  readonly label: string[];
  readonly yes?: true;
  readonly output: OutputFormat;
}

const collect = (word: string, words: string[]): string[] => [...words, word];

export function addClusterCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const cluster = program.command("cluster").description("register clusters and look after them");

  cluster
    .command("register <name>")
    .description("register a cluster, or make a new join token for one")
    .option("-l, --label <key=value>", "label of the cluster; may be given more than once", collect, [])
    .addOption(outputOption())
    .option("-y, --yes", "do not ask when an App leaves a registered cluster by its new labels")
    .action(async (name: string, options: RegisterOptions, command: Command) => {
      const { set } = labelChange(options.label, { allowRemoval: false });
      await context.withHub(command.optsWithGlobals(), async (hub) => {
        if (options.label.length > 0 && (await isRegistered(hub, name))) {
          await askBeforeLabels(context, hub, name, { set, remove: [] }, options);
        }
        const registration = await answered(hub.api.POST("/v1/clusters", { body: { name, labels: set } }));
        terminal.write(forPrograms(options.output, registration) ?? registrationText(registration, terminal.now()));
      });
    });

  cluster
    .command("list")
    .description("every cluster, and how it is")
    .addOption(outputOption())
    .action(async (options: { output: OutputFormat }, command: Command) => {
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const { items } = await answered(api.GET("/v1/clusters"));
        terminal.write(forPrograms(options.output, items) ?? clusterTable(context, options.output, items));
      });
    });

  cluster
    .command("get <name>")
    .description("one cluster")
    .addOption(outputOption())
    .action(async (name: string, options: { output: OutputFormat }, command: Command) => {
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const item = await answered(api.GET("/v1/clusters/{name}", { params: { path: { name } } }));
        terminal.write(forPrograms(options.output, item) ?? clusterTable(context, options.output ?? "wide", [item]));
      });
    });

  cluster
    .command("label <name> <labels...>")
    .description("set labels (KEY=VALUE) and take them away (KEY-)")
    .option("--dry-run", "say which Apps would move, and change nothing")
    .option("-y, --yes", "do not ask when an App leaves the cluster by it")
    .action(async (name: string, words: string[], options: { dryRun?: true; yes?: true }, command: Command) => {
      const labels = labelChange(words, { allowRemoval: true });
      await context.withHub(command.optsWithGlobals(), async (hub) => {
        if (options.dryRun !== true) await askBeforeLabels(context, hub, name, labels, options);
        const result = await sendLabels(hub, name, labels, options.dryRun === true);
        const moves = movesText(result);
        if (result.waits !== undefined) terminal.warn(waitsText(result.waits, result.dryRun));
        if (result.dryRun) {
          const would = moves === "" ? "No App would move by these labels" : `By these labels ${moves}`;
          terminal.write(`${would}.\nNothing was changed. Run again without --dry-run to do it.\n`);
          return;
        }
        terminal.write(clusterTable(context, undefined, [result]));
        if (moves !== "") terminal.write(`\n${moves}.\n`);
      });
    });

  cluster
    .command("remove <name>")
    .description("revoke a cluster's identity and forget it; what runs there keeps running")
    .option("-y, --yes", "do not ask")
    .action(async (name: string, options: { yes?: true }, command: Command) => {
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const params = { path: { name } };
        const item = await answered(api.GET("/v1/clusters/{name}", { params }));
        const apps = item.apps.total === 1 ? "1 App stays there and is" : `${item.apps.total} Apps stay there and are`;
        terminal.write(`${oneLine(item.name)} is ${item.state}. ${apps} no longer kept up to date.\n`);
        if (options.yes !== true) await askOrRefuse(context, `Remove ${oneLine(item.name)}?`);
        await answered(api.DELETE("/v1/clusters/{name}", { params }));
        terminal.write(`Removed ${oneLine(item.name)}: its certificate is no longer accepted.\n`);
      });
    });
}

async function isRegistered({ api }: HubClient, name: string): Promise<boolean> {
  const { items } = await answered(api.GET("/v1/clusters"));
  return items.some((item) => item.name === name);
}

const clusterTable = (
  { terminal }: CommandContext,
  format: OutputFormat,
  items: readonly Schemas["Cluster"][],
): string =>
  items.length === 0
    ? "No clusters yet. Register one: muster cluster register NAME --label env=prod\n"
    : tableOf(terminal, format, clusterColumns(terminal.now()), items);

function registrationText(registration: Schemas["Registration"], now: number): string {
  const { token, hubAddress, caHash } = registration;
  const name = oneLine(registration.cluster.name);
  const left = leftText(Date.parse(registration.expires) - now);
  return `Registered ${name}. Start its agent within ${left} (the token works once):

  npm run agent -- --hub ${hubAddress} --ca-hash ${caHash} \\
    --join-token ${token} --context CONTEXT

CONTEXT is the cluster's name in your kubeconfig; in a pod of the cluster leave it out.
`;
}

/** `1 h`, `45 min`; to the next full minute, since a clock a second off must not make "59 min" of an hour. */
function leftText(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000 - 0.1));
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
}
