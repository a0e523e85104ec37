// The `muster` command. Everything below gets time, environment and terminal from here.
import { homedir } from "node:os";
import { VERSION } from "@muster/shared/version.ts";
import { addRenderCommand } from "./render/render-command.ts";
import { run } from "./run.ts";
import { systemTerminal } from "./system-terminal.ts";
import { addUpCommands } from "./up/up-command.ts";

const terminal = systemTerminal();
process.exitCode = await run(process.argv.slice(2), {
  terminal,
  env: process.env,
  home: homedir(),
  version: VERSION,
  addExtra(program, context) {
    addUpCommands(program, context);
    addRenderCommand(program, context);
  },
});
if (terminal.interrupted.aborted) process.exit();
