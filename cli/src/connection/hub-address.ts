import { readFile } from "node:fs/promises";
import { EXIT, Failure } from "../failure.ts";
import type { Settings } from "./settings-file.ts";

/** Everything needed to call a hub. */
export interface HubAddress {
  readonly url: string;
  readonly token: string;
  /** Root certificate, PEM; null: the system's roots decide. */
  readonly ca: string | null;
}

/** As given on the command line; each wins over its environment variable, which wins over the settings. */
export interface HubFlags {
  /** A URL, or the name of a hub in the settings. */
  readonly hub?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly caFile?: string | undefined;
}

/**
 * Finds which hub is meant and how to speak to it. @throws Failure "refused" when nothing says which, "failed" when a
 * file that was named cannot be read.
 */
export async function resolveHub(
  flags: HubFlags,
  env: Readonly<Record<string, string | undefined>>,
  settings: Settings,
): Promise<HubAddress> {
  const wanted = flags.hub ?? (env.MUSTER_HUB || undefined);
  const isUrl = wanted?.includes("://") === true;
  const name = isUrl ? undefined : (wanted ?? settings.current);
  const known = name === undefined ? undefined : settings.hubs[name];
  if (name !== undefined && known === undefined) {
    const names = Object.keys(settings.hubs);
    throw new Failure(EXIT.usage, `The settings know no hub "${name}".`, {
      fix:
        names.length === 0
          ? "Run `muster login` first."
          : `Known hubs: ${names.join(", ")}. A URL starts with https://.`,
    });
  }
  const url = isUrl ? wanted : known?.url;
  if (url === undefined) {
    throw new Failure(EXIT.refused, "No hub is set.", {
      fix: "Try Muster with `muster up`, or log in to a hub: muster login --hub https://HUB:8443 --token-file FILE --ca-file FILE",
    });
  }
  return {
    url: httpsUrl(url),
    token: await readToken(flags, env, known?.tokenFile),
    ca: await readOptional(flags.caFile ?? (env.MUSTER_CA_FILE || undefined) ?? known?.caFile),
  };
}

function httpsUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || url.protocol !== "https:") {
    throw new Failure(EXIT.usage, `"${text}" is no address of a hub.`, { fix: "Write https://HOST:PORT." });
  }
  return url.href.replace(/\/$/, "");
}

async function readToken(
  flags: HubFlags,
  env: Readonly<Record<string, string | undefined>>,
  known: string | undefined,
): Promise<string> {
  if (flags.tokenFile === undefined && env.MUSTER_TOKEN) return env.MUSTER_TOKEN.trim();
  const file = flags.tokenFile ?? (env.MUSTER_TOKEN_FILE || undefined) ?? known;
  if (file === undefined) {
    throw new Failure(EXIT.refused, "No token is set.", {
      fix: "Name the hub's token file with --token-file, or set MUSTER_TOKEN_FILE or MUSTER_TOKEN.",
    });
  }
  return (await readNamed(file)).trim();
}

const readOptional = async (file: string | undefined): Promise<string | null> =>
  file === undefined ? null : readNamed(file);

async function readNamed(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Failure(EXIT.failed, `cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
}
