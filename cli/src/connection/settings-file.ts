import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { EXIT, Failure } from "../failure.ts";

/** `~/.config/muster/config.yaml`: the hubs this person knows. Secrets stay in the files it names. */
export const settings = z.strictObject({
  /** The hub that is meant when none is named. */
  current: z.string().optional(),
  hubs: z
    .record(
      z.string(),
      z.strictObject({
        /** `https://host:port`. */
        url: z.url({ protocol: /^https$/ }),
        tokenFile: z.string(),
        /** The hub's root certificate, PEM; left out, the system's roots decide. */
        caFile: z.string().optional(),
      }),
    )
    .default({}),
});
export type Settings = z.infer<typeof settings>;

/** Where the settings are: XDG's rules, `~/.config` otherwise. */
export function settingsPath(env: Readonly<Record<string, string | undefined>>, home: string): string {
  return join(env.XDG_CONFIG_HOME || join(home, ".config"), "muster", "config.yaml");
}

/** The settings, empty when there are none yet. @throws Failure that names the file and the field. */
export async function readSettings(path: string): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { hubs: {} };
    throw new Failure(EXIT.failed, `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return settings.parse(parse(text) ?? {});
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const reason = issue === undefined ? (error as Error).message : `${issue.path.join(".")}: ${issue.message}`;
    throw new Failure(EXIT.failed, `${path} is not understood: ${reason}`, {
      fix: "Mend the file, or remove it and run `muster login` again.",
      cause: error,
    });
  }
}

/** Replaces the settings as a whole: a reader sees the old or the new, never half. */
export async function writeSettings(path: string, value: Settings): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.new`;
  await writeFile(draft, stringify(value), { mode: 0o600 });
  await rename(draft, path);
}
