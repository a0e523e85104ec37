import { EXIT, Failure } from "../failure.ts";
import type { CommandContext } from "./command-context.ts";

/** Asks a person; where nobody can answer, says how to mean it. @throws Failure "usage" when there is no yes. */
export async function askOrRefuse({ terminal }: CommandContext, question: string): Promise<void> {
  if (!terminal.isInteractive) {
    throw new Failure(EXIT.usage, `This needs a yes, and nobody can be asked here. Nothing was changed.`, {
      fix: "Add --yes to mean it.",
    });
  }
  if (!(await terminal.confirm(question))) throw new Failure(EXIT.failed, "Nothing was changed.");
}
