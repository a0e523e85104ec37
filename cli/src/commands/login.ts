import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { answered, createHubClient } from "../api/client.ts";
import { type HubFlags, resolveHub } from "../connection/hub-address.ts";
import { fetchPinnedRoot } from "../connection/pinned-root.ts";
import { readSettings, writeSettings } from "../connection/settings-file.ts";
import { EXIT, Failure } from "../failure.ts";
import { oneLine } from "../output/printable.ts";
import type { CommandContext } from "./command-context.ts";

/** `login` and `version`: who is at the other end. */
export function addConnectionCommands(program: Command, context: CommandContext): void {
  const { terminal } = context;
  program
    .command("login")
    .description("remember a hub (--hub, --token-file, and --ca-file or --ca-hash) after a call to it worked")
    .option("--name <name>", "what to call it", "default")
    .option(
      "--ca-hash <hash>",
      "trust the root whose key has this hash (sha256:…), as `muster cluster register` prints",
    )
    .action(async (options: { name: string; caHash?: string }, command: Command) => {
      const flags: HubFlags = command.optsWithGlobals();
      if (flags.hub === undefined || flags.tokenFile === undefined) {
        throw new Failure(EXIT.usage, "Log in where, and as whom?", {
          fix: "muster login --hub https://HOST:PORT --token-file FILE --ca-hash sha256:…",
        });
      }
      const caFile = await chooseRoot(context, flags, options);
      const hub = createHubClient(await resolveHub({ ...flags, caFile }, context.env, { hubs: {} }));
      try {
        const { hub: found } = await answered(hub.api.GET("/v1/status"));
        const settings = await readSettings(context.settingsPath);
        const entry = {
          url: hub.url,
          tokenFile: resolve(flags.tokenFile),
          ...(caFile === undefined ? {} : { caFile }),
        };
        await writeSettings(context.settingsPath, {
          current: options.name,
          hubs: { ...settings.hubs, [options.name]: entry },
        });
        terminal.write(`Logged in to ${hub.url} (Muster ${oneLine(found.version)}). Try: muster status\n`);
      } finally {
        await hub.close();
      }
    });

  program
    .command("version")
    .description("the version of this command and of the hub")
    .action(async (_options: object, command: Command) => {
      terminal.write(`muster ${context.version}\n`);
      try {
        await context.withHub(command.optsWithGlobals(), async (client) => {
          const { hub } = await answered(client.api.GET("/v1/status"));
          terminal.write(`hub    ${oneLine(hub.version)} at ${client.url}\n`);
        });
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        terminal.write(`hub    ${oneLine(error.message)}\n`);
      }
    });
}

async function chooseRoot(
  context: CommandContext,
  flags: HubFlags,
  { name, caHash }: { name: string; caHash?: string },
): Promise<string | undefined> {
  if (caHash === undefined || flags.hub === undefined) {
    return flags.caFile === undefined ? undefined : resolve(flags.caFile);
  }
  const root = await fetchPinnedRoot(flags.hub, caHash);
  const file = join(dirname(context.settingsPath), `${name}.ca.pem`);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, root, { mode: 0o600 });
  return file;
}
