import type { Command } from "commander";
import { answered, type Schemas } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
import { counted } from "../output/counted.ts";
import { oneLine } from "../output/printable.ts";
import { forPrograms, type OutputFormat, outputOption } from "../output/write-output.ts";
import { askOrRefuse } from "./ask-or-refuse.ts";
import type { CommandContext } from "./command-context.ts";
import { scopedName } from "./scoped-name.ts";

interface ShipOptions {
  readonly project?: string;
  readonly reason: string;
  readonly yes?: true;
  readonly output: OutputFormat;
}

/** `release ship`: lets go what only an upgrade of Muster made. */
export function addReleaseCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  program
    .command("release")
    .description("decide about Releases")
    .command("ship <app> [release]")
    .description("let a held Release go, which nothing but a renderer of another version made")
    .option("--reason <text>", "why; it is kept", "no reason given")
    .option("-y, --yes", "do not ask")
    .option("-p, --project <project>", "project of the App, when its name has none")
    .addOption(outputOption())
    .action(async (app: string, word: string | undefined, options: ShipOptions, command: Command) => {
      const path = scopedName(app, options.project);
      const wanted = word === undefined ? null : numberOf(word);
      await context.withHub(command.optsWithGlobals(), async ({ api }) => {
        const { items } = await answered(api.GET("/v1/projects/{project}/apps/{name}/releases", { params: { path } }));
        const title = oneLine(`${path.project}/${path.name}`);
        const found = chosen(items, wanted, title);
        if (options.yes !== true && found.held) {
          const view = await answered(api.GET("/v1/projects/{project}/apps/{name}", { params: { path } }));
          terminal.warn(`${title} r${found.number} (${oneLine(found.cause.detail)}), ${sizeText(found)},`);
          terminal.warn(` goes to ${counted(view.summary.clusters, "cluster")}.\n`);
          await askOrRefuse(context, "Ship it?");
        }
        const params = { path: { ...path, number: found.number } };
        const body = { reason: options.reason };
        const shipped = await answered(
          api.POST("/v1/projects/{project}/apps/{name}/releases/{number}/ship", { params, body }),
        );
        const text = `Shipped ${title} r${shipped.number}.\nFollow it: muster status --watch\n`;
        terminal.write(forPrograms(options.output, shipped) ?? text);
      });
    });
}

function numberOf(word: string): number {
  const [, digits] = /^r?([1-9]\d{0,8})$/.exec(word) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new Failure(EXIT.usage, `"${word}" is no Release.`, { fix: "Write it as r43." });
}

/** The one that was named; otherwise the newest, where that is held. */
function chosen(items: readonly Schemas["Release"][], wanted: number | null, app: string): Schemas["Release"] {
  const newest = items.toSorted((one, other) => other.number - one.number)[0];
  const found = wanted === null ? newest : items.find(({ number }) => number === wanted);
  const fix = `See what there is: muster app history ${app}`;
  if (wanted === null && found?.held === false) {
    throw new Failure(EXIT.conflict, `${app} has no Release that is held: r${found.number} goes out by itself.`, {
      fix,
    });
  }
  if (found !== undefined) return found;
  throw new Failure(EXIT.notFound, `${app} has no Release${wanted === null ? " yet" : ` r${wanted}`}.`, { fix });
}

const sizeText = ({ objects, variants }: Schemas["Release"]): string =>
  objects === null ? counted(variants, "variant") : counted(objects, "object");
