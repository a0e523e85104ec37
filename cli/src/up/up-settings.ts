import type { CommandContext } from "../commands/command-context.ts";
import { readSettings, writeSettings } from "../connection/settings-file.ts";
import type { UpFolder } from "./up-state.ts";

/** The name under which the settings know the hub of `muster up`. */
export const UP_HUB = "up";

/** Adds the hub to the settings, and makes it the current one unless another is. Answers whether it is. */
export async function rememberHub({ settingsPath }: CommandContext, url: string, folder: UpFolder): Promise<boolean> {
  const settings = await readSettings(settingsPath);
  const entry = { url, tokenFile: folder.tokenFile, caFile: folder.caFile };
  const current = settings.current ?? UP_HUB;
  await writeSettings(settingsPath, { current, hubs: { ...settings.hubs, [UP_HUB]: entry } });
  return current === UP_HUB;
}

export async function forgetHub({ settingsPath }: CommandContext): Promise<void> {
  const { current, hubs } = await readSettings(settingsPath);
  const { [UP_HUB]: gone, ...rest } = hubs;
  if (gone === undefined) return;
  await writeSettings(settingsPath, {
    hubs: rest,
    ...(current === undefined || current === UP_HUB ? {} : { current }),
  });
}
