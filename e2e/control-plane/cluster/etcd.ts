import { mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { type Component, startComponent } from "../processes/component.ts";
import type { Reaper } from "../processes/reaper.ts";

export interface Etcd extends Component {
  /** For `--etcd-servers`. */
  readonly endpoint: string;
}

/**
 * One etcd for all clusters of a control plane. It listens on a socket in its own folder: no port to collide with,
 * and nobody else on the machine gets in.
 */
export async function startEtcd(options: { binary: string; folder: string; reaper: Reaper }): Promise<Etcd> {
  const folder = join(options.folder, "etcd");
  mkdirSync(folder, { recursive: true });
  const socket = join(folder, "c.sock");
  const endpoint = `unix://${socket}`;
  // A peer address is required though there are no peers; as a relative socket it stays in the folder too.
  const peer = "unix://peer:0";
  const component = await startComponent({
    name: "etcd",
    command: options.binary,
    args: [
      ...["--data-dir", join(folder, "data")],
      ...["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
      ...["--log-level", "warn"],
      // The data dies with the test; waiting for the disk would only make it slower.
      "--unsafe-no-fsync",
    ],
    cwd: folder,
    logPath: join(folder, "etcd.log"),
    ready: (signal) => answersReady(socket, signal),
    reaper: options.reaper,
  }).untilReady();
  return Object.assign(component, { endpoint });
}

function answersReady(socketPath: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const question = request({ socketPath, path: "/readyz", signal }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    question.once("error", reject);
    question.end();
  });
}
