import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ForgeCredentials } from "./forge.ts";

/**
 * An environment in which git sees no configuration, key or prompt of the user's: tests mean the same on every
 * machine, and never sign or push with somebody's own identity.
 */
export function isolatedGitEnvironment(home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: home,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: "Test Author",
    GIT_AUTHOR_EMAIL: "author@example.com",
    GIT_COMMITTER_NAME: "Test Author",
    GIT_COMMITTER_EMAIL: "author@example.com",
    LC_ALL: "C",
  };
}

/** Settings by environment, so that neither a command line nor a file shows them. */
export function gitSettings(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const entries = Object.entries(settings).flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(Object.keys(settings).length), ...Object.fromEntries(entries) };
}

/** Settings with which git reaches a server that asks for credentials or has a certificate of its own. */
export function serverSettings(
  folder: string,
  access: { credentials: ForgeCredentials | undefined; caPem: string | undefined },
): Record<string, string> {
  const settings: Record<string, string> = {};
  if (access.credentials) settings["http.extraHeader"] = `Authorization: ${basicAuthorization(access.credentials)}`;
  if (access.caPem) {
    const path = join(folder, "server-ca.pem");
    writeFileSync(path, access.caPem);
    settings["http.sslCAInfo"] = path;
  }
  return settings;
}

export const basicAuthorization = ({ username, password }: ForgeCredentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

/** @throws with what git printed. Answers its standard output without the line end. */
export function runGit(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("git", args, { ...options, maxBuffer: 256 << 20 }, (error, stdout, stderr) => {
      if (!error) resolve(stdout.trimEnd());
      else reject(new Error(`git ${args.join(" ")}: ${stderr.trim() || error.message}`, { cause: error }));
    });
  });
}
