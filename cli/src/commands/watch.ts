import type { HubClient } from "../api/client.ts";
import { EXIT, Failure } from "../failure.ts";
import type { CommandContext } from "./command-context.ts";

/** At most this often is the fleet drawn anew, however much happens. */
const REDRAW_MS = 200;

/**
 * Shows what `render` says; when watching, shows it anew at every change that the hub tells of, until Ctrl-C. A hub
 * that goes away is told about, and waited for.
 */
export async function watchHub(
  { terminal }: CommandContext,
  hub: HubClient,
  { isWatching }: { isWatching: boolean },
  render: () => Promise<string>,
): Promise<void> {
  if (!isWatching) {
    terminal.write(await render());
    return;
  }
  let last = "";
  const show = (text: string) => {
    last = text;
    terminal.redraw(text);
  };
  const onCut = (reason: string) => terminal.redraw(`${last}\n${terminal.paint("busy", `${reason} Trying again.`)}\n`);
  try {
    for await (const _ of hub.changes({ signal: terminal.interrupted, onCut })) {
      try {
        show(await render());
      } catch (error) {
        if (terminal.interrupted.aborted) return;
        if (!(error instanceof Failure) || error.exitCode !== EXIT.unreachable) throw error;
        onCut(error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, REDRAW_MS));
    }
  } finally {
    terminal.drawn();
  }
}
