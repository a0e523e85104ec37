import { spawn } from "node:child_process";
import { abortedBy } from "@muster/shared/deadline.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { AddressPolicy } from "../../ports/address-policy.ts";
import type { GitRemote } from "../../ports/git-source.ts";
import { type Address, parseAddress } from "./address.ts";
import { failures, fromGitStderr, publicUrl } from "./failures.ts";
import type { SecretFiles } from "./secret-files.ts";

export type SshAddress = Extract<Address, { kind: "ssh" }>;

export interface SshDependencies {
  readonly policy: AddressPolicy;
  readonly secrets: SecretFiles;
}

const SSH_PORT = 22;
const ADDRESSES_MAX = 3;
const OUTPUT_BYTES_MAX = 64 * 1024;

/**
 * Runs `work` with the arguments of an `ssh` that uses this remote's key and known_hosts and nothing else of the
 * machine or its user. Key and known_hosts lie in files that are gone when `work` has ended.
 * @throws AppError "unauthenticated" without a key, "unsupported" with a proxy.
 */
export async function withSsh<T>(
  secrets: SecretFiles,
  remote: GitRemote,
  address: SshAddress,
  reachedAt: string,
  work: (options: readonly string[]) => Promise<T>,
): Promise<T> {
  const { auth, proxy } = remote.credentials;
  if (auth.kind !== "ssh") {
    throw new AppError("unauthenticated", `${publicUrl(remote.url)} is reached by SSH, which needs a private key`, {
      fix: "Mount a credential with ssh-privatekey and known_hosts, and name it in spec.git.credentials.",
    });
  }
  if (proxy !== null) {
    throw new AppError("unsupported", `${publicUrl(remote.url)}: SSH does not go through the credential's proxy`, {
      fix: "Use the repository's https:// address, or take the proxy out of the credential.",
    });
  }
  // OpenSSH wants the last line ended.
  const files = { key: `${auth.privateKey.trimEnd()}\n`, known_hosts: `${auth.knownHosts.trimEnd()}\n` };
  return secrets.during(files, (paths) =>
    work(optionsOf(address, { reachedAt, keyFile: paths.key, knownHostsFile: paths.known_hosts })),
  );
}

function optionsOf(
  { host, port }: SshAddress,
  at: { reachedAt: string; keyFile: string; knownHostsFile: string },
): readonly string[] {
  const settings = {
    // The address that was judged; the key is still that of the name.
    HostName: at.reachedAt,
    HostKeyAlias: port === SSH_PORT ? host : `[${host}]:${port}`,
    Port: String(port),
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: at.knownHostsFile,
    GlobalKnownHostsFile: "/dev/null",
    UpdateHostKeys: "no",
    IdentityFile: at.keyFile,
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    PreferredAuthentications: "publickey",
    ForwardAgent: "no",
    ControlMaster: "no",
    ControlPath: "none",
    ConnectTimeout: "10",
    ServerAliveInterval: "15",
    ServerAliveCountMax: "4",
    LogLevel: "ERROR",
  };
  return ["-F", "/dev/null", ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
}

/** For a POSIX shell: the server's, or the one that git starts ssh with. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A conversation with one command on the server. */
export interface SshSession {
  readonly output: AsyncIterable<Uint8Array>;
  write(text: string): void;
}

/**
 * Runs a command on the server, at the first of the judged addresses that answers. `command` gets the repository's
 * path, quoted. @throws what ssh or the command said, as AppError.
 */
export async function converse<T>(
  { policy, secrets }: SshDependencies,
  remote: GitRemote,
  command: (path: string) => string,
  signal: AbortSignal,
  talk: (session: SshSession) => Promise<T>,
): Promise<{ result: T; address: SshAddress; reachedAt: string }> {
  const address = parseAddress(remote.url);
  if (address.kind !== "ssh") throw failures.unsupported(remote.url, "it is no address of SSH");
  const addresses = await policy.resolve(address.host, { signal });
  let last: unknown = failures.unreachable(remote, "its name has no address");
  for (const reachedAt of addresses.slice(0, ADDRESSES_MAX)) {
    try {
      const result = await withSsh(secrets, remote, address, reachedAt, (options) =>
        through(
          remote,
          [...options, "-l", address.user, "--", address.host, command(quoted(address.path))],
          signal,
          talk,
        ),
      );
      return { result, address, reachedAt };
    } catch (error) {
      // Another address of the name may answer.
      if (!isAppError(error, "unavailable")) throw error;
      last = error;
    }
  }
  throw last;
}

/** What a command on the server prints. */
export async function runSsh(
  deps: SshDependencies,
  remote: GitRemote,
  command: (path: string) => string,
  signal: AbortSignal,
): Promise<string> {
  const { result } = await converse(deps, remote, command, signal, async ({ output }) => {
    let text = "";
    for await (const chunk of output) {
      text += Buffer.from(chunk).toString("utf8");
      if (text.length > OUTPUT_BYTES_MAX) throw new AppError("too-large", "the server says too much");
    }
    return text;
  });
  return result;
}

async function through<T>(
  remote: GitRemote,
  args: readonly string[],
  signal: AbortSignal,
  talk: (session: SshSession) => Promise<T>,
): Promise<T> {
  const child = spawn("ssh", ["-o", "SendEnv=GIT_PROTOCOL", ...args], {
    env: { PATH: process.env.PATH, HOME: "/nonexistent", LC_ALL: "C", GIT_PROTOCOL: "version=2" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const onAbort = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", onAbort, { once: true });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (stderr.length < OUTPUT_BYTES_MAX) stderr += chunk.toString("utf8");
  });
  child.stdin.on("error", () => {});
  let notStarted: Error | null = null;
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      notStarted = error;
      resolve();
    });
    child.once("close", () => resolve());
  });
  try {
    return await talk({ output: child.stdout, write: (text) => void child.stdin.write(text) });
  } catch (error) {
    child.stdin.end();
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, ENDING_MS).unref())]);
    if (notStarted !== null) throw failures.nativeOnly(remote.url, "an address of SSH needs the ssh program, and");
    if (signal.aborted) throw abortedBy(signal, `the fetch of ${publicUrl(remote.url)}`);
    if (stderr !== "") throw fromGitStderr(remote, stderr);
    throw isAppError(error) ? failures.unreachable(remote, error.message, error) : error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    child.stdin.end();
    child.kill("SIGTERM");
  }
}

/** How long a connection that went wrong may take to say why. */
const ENDING_MS = 5_000;
