import { type Command, Option } from "commander";
import type { CommandContext } from "../commands/command-context.ts";

const collect = (word: string, words: string[] | undefined): string[] => [...(words ?? []), word];

export interface RenderOptions {
  readonly cluster?: string;
  readonly project?: string;
  readonly local?: string;
  readonly localSource?: readonly string[];
  readonly filename?: readonly string[];
  readonly label?: readonly string[];
  readonly fact?: readonly string[];
  readonly credentialsDir?: string;
  readonly output?: "yaml" | "json";
  /** True: with what the cluster has now. */
  readonly diff?: string | true;
}

/** Adds `render`: what a cluster would get, before any commit. */
export function addRenderCommand(program: Command, context: CommandContext): void {
  program
    .command("render <app>")
    .description("show what a cluster would get of an App, from a checkout before any commit, with or without a hub")
    .option("-c, --cluster <name>", "the cluster; needed where clusters differ")
    .option("-p, --project <project>", "project of the App, when its name has none")
    .option("--local <folder>", "render this checkout instead of what is at the Source; the root of the repository")
    .option("--local-source <name=folder>", "the same for another Source that values come from; repeatable", collect)
    .option(
      "-f, --filename <path>",
      "definitions to take App, Sources and Cluster from instead of the hub: file, folder, or -; repeatable",
      collect,
    )
    .option("-l, --label <key=value>", "a label of the cluster, over those that are known; repeatable", collect)
    .option("--fact <key=value>", "a fact of the cluster, as its agent would report it; repeatable", collect)
    .option("--credentials-dir <folder>", "mounted credentials, for what is fetched from here")
    .option(
      "--diff [release]",
      "show what would change on the cluster: against what it has now, or against Release rN; exits with 1 if anything",
    )
    .addOption(new Option("-o, --output <format>", "yaml, or json as one List").choices(["yaml", "json"]))
    .addHelpText(
      "after",
      `
Examples:
  muster render shop --local . --cluster prod-eu-1           definitions and labels of the hub, files of this checkout
  muster render shop -f fleet/ --local . -c prod-eu-1 -l tier=prod          no hub at all
  muster render shop -f fleet/ | kubectl diff -f -                          what is in Git now
  muster render shop --local . --cluster prod-eu-1 --diff                   what this checkout would change there
  muster render shop --local . --cluster prod-eu-1 --diff r41               against an earlier Release
`,
    )
    .action(async (app: string, options: RenderOptions, command: Command) => {
      // Loaded when it is wanted: renderers and Git are large, and `muster status` needs neither.
      const { render } = await import("./render.ts");
      await render(context, command.optsWithGlobals(), app, options);
    });
}
