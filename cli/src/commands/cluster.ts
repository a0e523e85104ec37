import type { Command } from "commander";
import { answered, type Schemas } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
import { oneLine } from "../output/printable.ts";
import { clusterColumns } from "../output/views.ts";
import { forPrograms, type OutputFormat, outputOption, tableOf } from "../output/write-output.ts";
import type { CommandContext } from "./command-context.ts";
import { labelChange } from "./scoped-name.ts";

const collect = (word: string, words: string[]): string[] => [...words, word];

export function addClusterCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const cluster = program.command("cluster").description("register clusters and look after them");

  cluster
    .command("register <name>")
    .description("register a cluster, or make a new join token for one")
    .option("-l, --label <key=value>", "label of the cluster; may be given more than once", collect, [])
    .addOption(outputOption())
    .action(async (name: string, options: { label: string[]; output: OutputFormat }, command: Command) => {
      const { set } = labelChange(options.label, { allowRemoval: false });
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const registration = await answered(api.POST("/v1/clusters", { body: { name, labels: set } }));
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
    .action(async (name: string, words: string[], _options: object, command: Command) => {
      const labels = labelChange(words, { allowRemoval: true });
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const params = { path: { name } };
        const item = await answered(api.PATCH("/v1/clusters/{name}", { params, body: { labels } }));
        terminal.write(clusterTable(context, undefined, [item]));
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

const clusterTable = (
  { terminal }: CommandContext,
  format: OutputFormat,
  items: readonly Schemas["Cluster"][],
): string =>
  items.length === 0
    ? "No clusters yet. Register one: muster cluster register NAME --label env=prod\n"
    : tableOf(terminal, format, clusterColumns(terminal.now()), items);

/** Asks a person; where nobody can answer, says how to mean it. @throws Failure "usage" when there is no yes. */
export async function askOrRefuse({ terminal }: CommandContext, question: string): Promise<void> {
  if (!terminal.isInteractive) {
    throw new Failure(EXIT.usage, `This needs a yes, and nobody can be asked here. Nothing was changed.`, {
      fix: "Add --yes to mean it.",
    });
  }
  if (!(await terminal.confirm(question))) throw new Failure(EXIT.failed, "Nothing was changed.");
}

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
