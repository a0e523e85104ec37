import { type Command, Option } from "commander";
import type { CommandContext } from "../commands/command-context.ts";

const collect = (word: string, words: string[]): string[] => [...words, word];

/** Adds `up` and `down`: the whole of Muster in one command, for a first look on the user's own repository. */
export function addUpCommands(program: Command, context: CommandContext): void {
  program
    .command("up")
    .description("run hub and agents right here, on your own repository; without --context, on clusters in memory")
    .requiredOption("--repo <url or folder>", "the Git repository")
    .option("--path <folder>", "folder in the repository that holds the manifests", ".")
    .option("--branch <name>", "branch to follow", "main")
    .option("--context <name>", "kubeconfig context to deploy to; may be given more than once", collect, [])
    .option("--namespace <name>", "for objects that name none; made if it is not there", "default")
    .option("--name <name>", "what to call the App (default: from the path)")
    .option("-y, --yes", "do not ask")
    .addOption(new Option("--once", "stop again when everything is Healthy; for scripts and tests").hideHelp())
    .addOption(new Option("--verbose", "write the logs of hub and agents to standard error"))
    .action(async (options) => {
      // Loaded when it is wanted: hub and agents are large, and `muster status` needs neither.
      const { up } = await import("./up.ts");
      await up(context, options);
    });

  program
    .command("down")
    .description("stop what `muster up` started; what it deployed keeps running")
    .option("--delete", "delete what it deployed, and what Muster made for itself, from the clusters as well")
    .option("-y, --yes", "do not ask")
    .addOption(new Option("--verbose", "write the logs of hub and agents to standard error"))
    .action(async (options) => {
      const { down } = await import("./down.ts");
      await down(context, options);
    });
}
