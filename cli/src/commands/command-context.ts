import type { HubClient } from "../api/client.ts";
import type { HubFlags } from "../connection/hub-address.ts";
import type { Terminal } from "../output/terminal.ts";

/** What every command gets. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly version: string;
  readonly settingsPath: string;
  /** Runs `work` with a client of the hub that flags, environment or settings name, and closes it. */
  withHub<T>(flags: HubFlags, work: (hub: HubClient) => Promise<T>): Promise<T>;
}
