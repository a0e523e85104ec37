import { execFile } from "node:child_process";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Agent } from "undici";
import type { AddressPolicy } from "../../ports/address-policy.ts";
import type { GitSource } from "../../ports/git-source.ts";
import { createGitSource } from "./create-git-source.ts";
import { createHttp, type DispatcherOf } from "./http.ts";
import { openIsomorphicEngine } from "./isomorphic/open.ts";
import { openNativeEngine } from "./native/open.ts";
import { createSecretFiles } from "./secret-files.ts";

/** `http.curloptResolve`, which pins the native engine to the addresses that were judged, came with this version. */
const NATIVE_VERSION_MIN = [2, 37] as const;

/** Who may be reached, and how to connect there. */
export interface GitNetwork {
  readonly policy: AddressPolicy;
  readonly dispatcherOf: DispatcherOf;
  /** Whether a repository may be a directory of this machine. */
  readonly allowsFiles: boolean;
}

/**
 * Git by the engine that was asked for; `auto` takes the native binary where there is a recent enough one, because it
 * is faster on large repositories, keeps their objects out of the hub's memory, and speaks SSH. Without `network`,
 * every address may be reached: for a person's own repository on their own machine.
 */
export async function openGit(opts: {
  engine: "auto" | "native" | "isomorphic";
  directory: string;
  network?: GitNetwork;
}): Promise<{ git: GitSource; engine: "native" | "isomorphic" }> {
  const chosen = opts.engine === "auto" ? ((await hasNativeGit()) ? "native" : "isomorphic") : opts.engine;
  const { directory } = opts;
  const secrets = createSecretFiles(join(directory, "secrets-in-use"));
  const engine = chosen === "native" ? openNativeEngine({ directory, secrets }) : openIsomorphicEngine({ directory });
  const { policy, dispatcherOf, allowsFiles } = opts.network ?? anywhere;
  const deps = { policy, secrets, http: createHttp(dispatcherOf), allowsFiles, directory };
  return { engine: chosen, git: createGitSource(engine, deps) };
}

const anywhere: GitNetwork = {
  allowsFiles: true,
  policy: {
    resolve: async (host) => {
      const name = host.replace(/^\[(.*)\]$/, "$1");
      return isIP(name) === 0 ? (await lookup(name, { all: true })).map(({ address }) => address) : [name];
    },
  },
  dispatcherOf: ({ tls: { ca, client } }) =>
    new Agent({
      connect: {
        ...(ca === null ? {} : { ca }),
        ...(client === null ? {} : { cert: client.certificate, key: client.key }),
      },
    }),
};

async function hasNativeGit(): Promise<boolean> {
  const output = await promisify(execFile)("git", ["--version"]).catch(() => null);
  const match = /git version (\d+)\.(\d+)/.exec(output?.stdout ?? "");
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > NATIVE_VERSION_MIN[0] || (major === NATIVE_VERSION_MIN[0] && minor >= NATIVE_VERSION_MIN[1]);
}
