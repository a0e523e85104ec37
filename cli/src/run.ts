import { type ErrorCode, isAppError } from "@muster/shared/errors.ts";
import { CommanderError } from "commander";
import { createHubClient } from "./api/client.ts";
import type { CommandContext } from "./commands/command-context.ts";
import { resolveHub } from "./connection/hub-address.ts";
import { readSettings, settingsPath } from "./connection/settings-file.ts";
import { EXIT, type ExitCode, Failure } from "./failure.ts";
import { printable } from "./output/printable.ts";
import type { Terminal } from "./output/terminal.ts";
import { createProgram, type ExtraCommands } from "./program.ts";

export interface RunOptions {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly version: string;
  readonly addExtra?: ExtraCommands;
}

/** Runs one command line and answers its exit code; whatever went wrong is already told. */
export async function run(words: readonly string[], options: RunOptions): Promise<number> {
  const { terminal, env, home } = options;
  const path = settingsPath(env, home);
  const context: CommandContext = {
    terminal,
    env,
    home,
    version: options.version,
    settingsPath: path,
    async withHub(flags, work) {
      const hub = createHubClient(await resolveHub(flags, env, await readSettings(path)), {
        signal: terminal.interrupted,
      });
      try {
        return await work(hub);
      } finally {
        await hub.close();
      }
    },
  };
  try {
    await createProgram(context, options.addExtra).parseAsync(words, { from: "user" });
    return EXIT.ok;
  } catch (error) {
    return tell(terminal, error);
  }
}

/** Failures of hub and agents that run inside this process. */
const EXIT_BY_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  "not-found": EXIT.notFound,
  forbidden: EXIT.refused,
  unauthenticated: EXIT.refused,
  unavailable: EXIT.unreachable,
  conflict: EXIT.conflict,
};

function tell(terminal: Terminal, error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage; // it has told already
  if (terminal.interrupted.aborted) return EXIT.interrupted;
  const { paintWarning } = terminal;
  if (error instanceof Failure && error.message === "") return error.exitCode;
  if (error instanceof Failure || isAppError(error)) {
    const fix = error.fix === undefined ? "" : `${printable(error.fix)}\n`;
    terminal.warn(`${paintWarning("bad", "muster:")} ${printable(error.message)}\n${fix}`);
    return error instanceof Failure ? error.exitCode : (EXIT_BY_CODE[error.code] ?? EXIT.failed);
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.warn(
    `${paintWarning("bad", "muster:")} this is a bug in Muster, not in what you did:\n${printable(trace)}\n`,
  );
  return EXIT.failed;
}
