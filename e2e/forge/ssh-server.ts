import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startComponent } from "../control-plane/processes/component.ts";
import { freePort } from "../control-plane/processes/free-port.ts";
import type { Reaper } from "../control-plane/processes/reaper.ts";

const SSHD = "/usr/sbin/sshd";
/** Where sshd as root keeps nothing, and will not start without. */
const PRIVILEGE_SEPARATION = "/run/sshd";

/** Whether suites with a real OpenSSH server can run here. */
export const hasSshServer = (): boolean => existsSync(SSHD);

export interface SshServer {
  /** `ssh://USER@127.0.0.1:PORT`, to which the path of a repository on this machine is added. */
  readonly url: string;
  /** Lets in whoever has this key. */
  readonly privateKey: string;
  /** A key that it does not know. */
  readonly strangerKey: string;
  readonly knownHosts: string;
  /** As if another machine had taken its address. */
  readonly impostorKnownHosts: string;
  stop(): Promise<void>;
}

/** A real `sshd` on loopback, as whoever runs the test; it lets in one key that is made for it. */
export async function sshServer(opts: { folder: string; reaper: Reaper }): Promise<SshServer> {
  const { folder, reaper } = opts;
  mkdirSync(folder, { recursive: true });
  const isRoot = process.getuid?.() === 0;
  const madeFolder = isRoot && !existsSync(PRIVILEGE_SEPARATION);
  if (madeFolder) mkdirSync(PRIVILEGE_SEPARATION, { mode: 0o755 });
  const [hostKey, userKey, strangerKey] = await Promise.all(
    ["host", "user", "stranger"].map((name) => key(folder, name)),
  );
  const port = await freePort();
  const config = join(folder, "sshd_config");
  writeFileSync(join(folder, "authorized_keys"), readFileSync(`${userKey}.pub`), { mode: 0o600 });
  writeFileSync(
    config,
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
      `PidFile ${join(folder, "sshd.pid")}`,
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PermitRootLogin prohibit-password",
      "UsePAM no",
      // The test's folders belong to whoever runs it, below a folder that is everybody's.
      "StrictModes no",
      "AcceptEnv GIT_PROTOCOL",
      "",
    ].join("\n"),
  );
  const server = await startComponent({
    name: "sshd",
    command: SSHD,
    args: ["-D", "-e", "-f", config],
    logPath: join(folder, "sshd.log"),
    ready: async () => accepts(port),
    reaper,
  }).untilReady();
  const knownBy = (path: string | undefined): string => {
    const [type, body] = readFileSync(`${path}.pub`, "utf8").split(" ");
    return `[127.0.0.1]:${port} ${type} ${body}\n`;
  };
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    privateKey: readFileSync(userKey as string, "utf8"),
    strangerKey: readFileSync(strangerKey as string, "utf8"),
    knownHosts: knownBy(hostKey),
    impostorKnownHosts: knownBy(strangerKey),
    async stop() {
      await server.stop();
      if (madeFolder) rmdirSync(PRIVILEGE_SEPARATION);
    },
  };
}

async function key(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]);
  return path;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
