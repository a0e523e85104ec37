import { type ParseArgsConfig, parseArgs } from "node:util";

/**
 * `parseArgs` for the small programs of the repository: what is wrong with the words is told in one line, with the
 * usage below it, by `refuse`, which ends the program. The message says what was not understood.
 */
export function readArguments<T extends ParseArgsConfig>(
  config: T,
  { usage, refuse }: { readonly usage: string; readonly refuse: (text: string) => never },
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!code.startsWith("ERR_PARSE_ARGS")) throw error;
    return refuse(`${firstSentence(message)}\n\n${usage}`);
  }
}

/** Node goes on to explain how a positional argument could look like a flag, which helps nobody here. */
const firstSentence = (message: string): string => `${message.split(/\. |\n/)[0]?.replace(/\.$/, "")}.`;
