import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@muster/shared/errors.ts";
import type { GitRemote } from "../../ports/git-source.ts";
import type { Address } from "./address.ts";
import { publicUrl } from "./failures.ts";

export type SshAddress = Extract<Address, { kind: "ssh" }>;

const SSH_PORT = 22;

/**
 * Runs `work` with the arguments of an `ssh` that uses this remote's key and known_hosts and nothing else of the
 * machine or its user. Key and known_hosts lie in a folder only we may read, for as long as `work` takes.
 * @throws AppError "unauthenticated" without a key, "unsupported" with a proxy.
 */
export async function withSsh<T>(
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
  const folder = await mkdtemp(join(tmpdir(), "muster-ssh-"));
  try {
    const [keyFile, knownHostsFile] = [join(folder, "key"), join(folder, "known_hosts")];
    // OpenSSH wants the last line ended.
    await writeFile(keyFile, `${auth.privateKey.trimEnd()}\n`, { mode: 0o600 });
    await writeFile(knownHostsFile, `${auth.knownHosts.trimEnd()}\n`, { mode: 0o600 });
    return await work(optionsOf(address, { reachedAt, keyFile, knownHostsFile }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
