import { connect } from "node:net";
import { join } from "node:path";
import { type Reaper, startReaper } from "@muster/e2e/control-plane/processes/reaper.ts";
import { type HubOptions, type HubProcess, startHub } from "@muster/e2e/fleet/hub-process.ts";
import { BUNDLED, bundlePrograms, IMAGE_ENVIRONMENT } from "../spine/bundled.ts";

/** The hub as it is shipped, and what it says of itself while it works. */
export interface WatchedHub {
  readonly hub: HubProcess;
  /** The longest that its main thread was held up since the last call. Milliseconds. */
  delayMs(): Promise<number>;
  /** A counter of `/metrics` without labels. */
  counter(name: string): Promise<number>;
  /** Sum and count of one arrow: seconds, passages. */
  arrow(name: string): Promise<{ seconds: number; count: number }>;
  /** When each "release made" was logged since `from` (milliseconds since 1970), by App. */
  released(from?: number): Map<string, number>;
}

/** Runs `work` with a hub of its own, and leaves nothing behind. */
export async function withHub<T>(
  options: Partial<Pick<HubOptions, "flags">>,
  work: (watched: WatchedHub, reaper: Reaper) => Promise<T>,
): Promise<T> {
  await bundlePrograms();
  const reaper = startReaper();
  const folder = reaper.temporaryFolder("muster-bench");
  const socket = join(folder.path, "delay.sock");
  const preload = join(import.meta.dirname, "..", "measure", "report-delay.ts");
  const profile = process.env.MUSTER_BENCH_PROFILE;
  const nodeOptions = [`--import=${preload}`, ...(profile ? ["--cpu-prof", `--cpu-prof-dir=${profile}`] : [])];
  const hub = await startHub({
    reaper,
    folder: folder.path,
    main: BUNDLED.hub,
    ...options,
    env: { ...IMAGE_ENVIRONMENT, NODE_OPTIONS: nodeOptions.join(" "), MUSTER_BENCH_DELAY_SOCKET: socket },
  });
  try {
    return await work({ hub, ...reading(hub, socket) }, reaper);
  } finally {
    await hub.stop();
    folder.remove();
    await reaper.close();
  }
}

function reading(hub: HubProcess, socket: string): Omit<WatchedHub, "hub"> {
  const line = async (start: string): Promise<number> => {
    const text = await hub.metrics();
    const found = text.split("\n").find((one) => one.startsWith(`${start} `));
    return Number(found?.slice(start.length + 1) ?? 0);
  };
  return {
    delayMs: () => ask(socket),
    counter: (name) => line(`muster_hub_${name}_total`),
    arrow: async (name) => ({
      seconds: await line(`muster_hub_arrow_seconds_sum{arrow="${name}"}`),
      count: await line(`muster_hub_arrow_seconds_count{arrow="${name}"}`),
    }),
    released: (from = 0) =>
      new Map(
        hub.logEvents().flatMap(({ msg, time, app }) => {
          const at = Date.parse(time ?? "");
          return msg === "release made" && at >= from ? [[String(app), at] as const] : [];
        }),
      ),
  };
}

function ask(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(path);
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(Number(text)));
  });
}
