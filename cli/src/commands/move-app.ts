import type { Command } from "commander";
import { answered } from "../api/client.ts";
import { oneLine } from "../output/printable.ts";
import { askOrRefuse } from "./ask-or-refuse.ts";
import type { CommandContext } from "./command-context.ts";
import { scopedName } from "./scoped-name.ts";

interface MoveOptions {
  readonly project?: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

/** `app move OLD NEW`: another name, the same objects. */
export function addMoveCommand(app: Command, context: CommandContext): void {
  const { terminal } = context;
  app
    .command("move <app> <name>")
    .description("give an App another name; its objects stay in the clusters and are handed over")
    .option("-p, --project <project>", "project of the App, when its name has none")
    .option("--dry-run", "say what would happen, and do nothing")
    .option("-y, --yes", "do not ask")
    .action(async (text: string, to: string, options: MoveOptions, command: Command) => {
      const path = scopedName(text, options.project);
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const move = (dryRun: boolean) =>
          answered(api.POST("/v1/projects/{project}/apps/{name}/move", { params: { path }, body: { to, dryRun } }));
        const plan = await move(true);
        const title = `${oneLine(plan.from)} to ${oneLine(plan.to)}`;
        const clusters = plan.clusters === 1 ? "1 cluster hands" : `${plan.clusters} clusters hand`;
        if (options.dryRun) {
          terminal.write(`Would move ${title}: ${clusters} over what runs there. Nothing was changed.\n`);
          return;
        }
        if (options.yes !== true) {
          terminal.warn(
            `${clusters} over what runs there. Releases, pins and history stay with the old name, which goes.\n`,
          );
          await askOrRefuse(context, `Move ${title}?`);
        }
        await move(false);
        terminal.write(`Moved ${title}. Each cluster hands over as the new App reaches it: muster status\n`);
      });
    });
}
