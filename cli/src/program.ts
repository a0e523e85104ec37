import { Command } from "commander";
import { addApplyCommand } from "./commands/apply.ts";
import { addApprovalCommands } from "./commands/approval.ts";
import { addClusterCommands } from "./commands/cluster.ts";
import type { CommandContext } from "./commands/command-context.ts";
import { addCompletionCommands } from "./commands/completion.ts";
import { addDeleteCommand } from "./commands/delete.ts";
import { addDiffCommand } from "./commands/diff.ts";
import { addGetCommand } from "./commands/get.ts";
import { addHandoverCommand } from "./commands/handover.ts";
import { addConnectionCommands } from "./commands/login.ts";
import { addReleaseCommands } from "./commands/release.ts";
import { addRollbackCommands } from "./commands/rollback.ts";
import { addStatusCommands } from "./commands/status.ts";

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong use (or a yes was needed), 3 not found, 4 refused (token, rights, certificate),
5 the hub cannot be reached, 6 somebody else changed it first, 130 interrupted.

Settings: ~/.config/muster/config.yaml, written by \`muster login\` and \`muster up\`. In their place: the flags above, or
MUSTER_HUB, MUSTER_TOKEN_FILE (or MUSTER_TOKEN) and MUSTER_CA_FILE. NO_COLOR is respected.
`;

/** Adds commands that run more than a client: `up` and `down` bring hub and agents with them. */
export type ExtraCommands = (program: Command, context: CommandContext) => void;

/** The whole command line; nothing happens before it parses. */
export function createProgram(context: CommandContext, addExtra: ExtraCommands = () => {}): Command {
  const { terminal } = context;
  const program = new Command("muster")
    .description("GitOps for fleets of Kubernetes clusters")
    .option("--hub <url or name>", "the hub: https://HOST:PORT, or its name in the settings")
    .option("--token-file <file>", "file that holds the token")
    .option("--ca-file <file>", "root certificate of the hub, PEM")
    .addHelpText("after", EXIT_CODES)
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false })
    .configureOutput({
      writeOut: terminal.write,
      writeErr: terminal.warn,
      getOutHelpWidth: () => terminal.width ?? 100,
      outputError: (text, write) => write(text.replace(/^error: /, "muster: ")),
    })
    .exitOverride();
  addExtra(program, context);
  addStatusCommands(program, context);
  addGetCommand(program, context);
  addApplyCommand(program, context);
  addDiffCommand(program, context);
  addDeleteCommand(program, context);
  addHandoverCommand(program, context);
  addRollbackCommands(program, context);
  addReleaseCommands(program, context);
  addApprovalCommands(program, context);
  addClusterCommands(program, context);
  addConnectionCommands(program, context);
  addCompletionCommands(program, context);
  inheritSettings(program);
  return program;
}

/** commander copies these settings only to commands made after they were set by `command()`; make sure of all. */
function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child);
  }
}
