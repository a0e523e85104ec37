import type { Command } from "commander";
import { answered } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
import { oneLine, printable } from "../output/printable.ts";
import { statusText } from "../output/status-text.ts";
import { releaseColumns } from "../output/views.ts";
import { forPrograms, type OutputFormat, outputOption, tableOf } from "../output/write-output.ts";
import type { CommandContext } from "./command-context.ts";
import { addMoveCommand } from "./move-app.ts";
import { scopedName } from "./scoped-name.ts";
import { watchHub } from "./watch.ts";

interface StatusOptions {
  readonly output: OutputFormat;
  readonly project?: string;
  readonly watch?: true;
}

/** `status`, `why` and `app history`: how things are, why, and how they came to be. `app move` stands beside. */
export function addStatusCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  program
    .command("status")
    .description("the whole fleet at a glance")
    .option("-p, --project <project>", "only this project")
    .option("-w, --watch", "show it anew at every change")
    .addOption(outputOption())
    .action(async (options: StatusOptions, command: Command) => {
      await context.withHub(command.optsWithGlobals(), (hub) =>
        watchHub(context, hub, { isWatching: options.watch === true }, async () => {
          const whole = await answered(hub.api.GET("/v1/status"));
          const isIn = (item: { project: string }) => options.project === undefined || item.project === options.project;
          const status = { ...whole, apps: whole.apps.filter(isIn), sources: whole.sources.filter(isIn) };
          return forPrograms(options.output, status) ?? statusText(terminal, status, options.output);
        }),
      );
    });

  program
    .command("why <app>")
    .description("why an App is as it is, over all or in one cluster; or what became of a commit")
    .option("-c, --cluster <name>", "in this cluster")
    .option("--commit <id>", "what became of this commit of its Source, or of one that its values come from")
    .option("-p, --project <project>", "project of the App, when its name has none")
    .addOption(outputOption())
    .action(async (app: string, options: StatusOptions & { cluster?: string; commit?: string }, command: Command) => {
      const path = scopedName(app, options.project);
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const { cluster, commit } = options;
        const query = {
          ...(cluster === undefined ? {} : { cluster }),
          ...(commit === undefined ? {} : { commit: commitOf(commit) }),
        };
        const why = await answered(api.GET("/v1/projects/{project}/apps/{name}/why", { params: { path, query } }));
        const next = why.next === null ? "" : `  next: ${printable(why.next)}\n`;
        const reason = terminal.paint("quiet", `[reason: ${why.reason}]`);
        terminal.write(forPrograms(options.output, why) ?? `${printable(why.message)}   ${reason}\n${next}`);
      });
    });

  const app = program.command("app").description("look into one App, or rename it");
  addMoveCommand(app, context);
  app
    .command("history <app>")
    .description("the App's Releases, newest first")
    .option("-p, --project <project>", "project of the App, when its name has none")
    .addOption(outputOption())
    .action(async (app: string, options: StatusOptions, command: Command) => {
      const path = scopedName(app, options.project);
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const { items } = await answered(api.GET("/v1/projects/{project}/apps/{name}/releases", { params: { path } }));
        const table =
          items.length === 0
            ? `${oneLine(app)} has no Release yet.\n`
            : tableOf(terminal, options.output, releaseColumns(terminal.now()), items);
        terminal.write(forPrograms(options.output, items) ?? table);
      });
    });
}

/** The beginning of a commit's id, as Git prints it. */
function commitOf(word: string): string {
  const commit = word.toLowerCase();
  if (/^[0-9a-f]{4,64}$/.test(commit)) return commit;
  throw new Failure(EXIT.usage, `"${word}" is no commit.`, { fix: "Write four or more of its digits." });
}
