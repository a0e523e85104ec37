import type { Command } from "commander";
import { answered, type HubClient, type Schemas } from "../api/client.ts";
import { counted, countedNames } from "../output/counted.ts";
import { oneLine } from "../output/printable.ts";
import { relativeTime } from "../output/time.ts";
import { approvalColumns } from "../output/views.ts";
import { forPrograms, type OutputFormat, outputOption, tableOf } from "../output/write-output.ts";
import { askOrRefuse } from "./ask-or-refuse.ts";
import type { CommandContext } from "./command-context.ts";

type Approval = Schemas["Approval"];

/** `approval list|get|grant|deny`: the one place for everything that waits for a person. */
export function addApprovalCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  const approval = program.command("approval").description("what waits for a person: look at it, grant or deny it");

  approval
    .command("list")
    .description("what waits for a person")
    .option("-a, --all", "those that were decided or withdrawn lately, too")
    .addOption(outputOption())
    .action(async (options: { all?: true; output: OutputFormat }, command: Command) => {
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const query = options.all === true ? {} : { state: "pending" as const };
        const { items } = await answered(api.GET("/v1/approvals", { params: { query } }));
        const text =
          items.length === 0
            ? "Nothing waits for a person.\n"
            : tableOf(terminal, options.output, approvalColumns(terminal.now()), items);
        terminal.write(forPrograms(options.output, items) ?? text);
      });
    });

  approval
    .command("get <approval>")
    .description("one approval, with what it names")
    .addOption(outputOption())
    .action(async (id: string, options: { output: OutputFormat }, command: Command) => {
      await context.withHub(command.optsWithGlobals(), async (hub) => {
        const item = await read(hub, id);
        terminal.write(forPrograms(options.output, item) ?? approvalText(item, terminal.now()));
      });
    });

  approval
    .command("grant <approval>")
    .description("let go exactly what the approval names")
    .option("--reason <text>", "why; it is kept", "no reason given")
    .option("-y, --yes", "do not ask")
    .action(async (id: string, options: { reason: string; yes?: true }, command: Command) => {
      await context.withHub(command.optsWithGlobals(), async (hub) => {
        const item = await read(hub, id);
        if (item.state === "pending" && options.yes !== true) {
          terminal.warn(approvalText(item, terminal.now()));
          await askOrRefuse(context, "Grant it?");
        }
        const params = { path: { id } };
        const body = { reason: options.reason };
        const granted = await answered(hub.api.POST("/v1/approvals/{id}/grant", { params, body }));
        terminal.write(`Granted ${granted.id}: ${oneLine(granted.what)}.\nFollow it: muster status --watch\n`);
      });
    });

  approval
    .command("deny <approval>")
    .description("leave what it names as it is, until the App's definition changes")
    .option("--reason <text>", "why; it is kept", "no reason given")
    .action(async (id: string, options: { reason: string }, command: Command) => {
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const params = { path: { id } };
        const body = { reason: options.reason };
        const denied = await answered(api.POST("/v1/approvals/{id}/deny", { params, body }));
        terminal.write(
          `Denied ${denied.id}: ${oneLine(denied.what)}.\nIt stays as it is until the definition changes.\n`,
        );
      });
    });
}

const read = ({ api }: HubClient, id: string): Promise<Approval> =>
  answered(api.GET("/v1/approvals/{id}", { params: { path: { id } } }));

const CLUSTERS_SHOWN_MAX = 10;

function approvalText(item: Approval, now: number): string {
  const lines = [
    `${item.id} (${item.state}): ${oneLine(item.what)}`,
    oneLine(item.why),
    `Asked ${relativeTime(item.created, now)}${item.askedBy === null ? "" : `, by what ${oneLine(item.askedBy)} did`}.`,
  ];
  for (const { app, pairs, clusters } of item.apps) {
    const shown = clusters.slice(0, CLUSTERS_SHOWN_MAX);
    const names = pairs === shown.length ? countedNames(shown, "cluster") : named(pairs, shown);
    lines.push(`  ${oneLine(app)}: ${names}`);
  }
  const told = item.apps.reduce((sum, { pairs }) => sum + pairs, 0);
  if (told < item.pairs) lines.push(`  and ${counted(item.pairs - told, "placement")} of other Apps`);
  if (item.decided !== null) {
    const { by, at, reason } = item.decided;
    lines.push(`Decided ${relativeTime(at, now)} by ${oneLine(by)}: ${oneLine(reason)}`);
  }
  if (item.closed !== null) lines.push(`Closed ${relativeTime(item.closed.at, now)}: ${oneLine(item.closed.reason)}`);
  if (item.state === "pending") lines.push(`muster approval grant ${item.id}, or deny`);
  return `${lines.join("\n")}\n`;
}

const named = (count: number, names: readonly string[]): string =>
  `${counted(count, "cluster")} (${names.map(oneLine).join(", ")}, …)`;

/** After a change that waits: what now, in one line. */
export const waitsText = (waits: string, isDryRun: boolean): string =>
  isDryRun
    ? `This would wait for approval: ${oneLine(waits)}.\n`
    : `This waits for approval: ${oneLine(waits)}. See: muster approval list\n`;
