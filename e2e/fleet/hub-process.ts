import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "undici";
import { freePort } from "../control-plane/processes/free-port.ts";
import type { Reaper } from "../control-plane/processes/reaper.ts";
import { createHubApi, type HubApi } from "./hub-api.ts";
import { createProgram, type Program, type StartOptions } from "./program.ts";

export interface HubOptions {
  readonly reaper: Reaper;
  /** Logs are written here, and data unless `dataDir` says where. */
  readonly folder: string;
  readonly dataDir?: string;
  /** Appended to those that the harness sets. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly clockOffsetMs?: number;
  /** Path of its main file from the root of the repository; by default the sources, which Node runs as they are. */
  readonly main?: string;
  /** Where agents are told that the link is, instead of the hub's own port: a proxy in between. */
  readonly advertisedLink?: (linkPort: number) => Promise<string>;
}

export interface HubProcess extends Program {
  readonly url: string;
  readonly linkPort: number;
  readonly dataDir: string;
  readonly webhookSecret: string;
  /** With the bootstrap administrator's token; made anew at each start. */
  readonly api: HubApi;
  /** The hub's root certificate. */
  readonly caPem: string;
  readonly token: string;
  metrics(): Promise<string>;
}

/** A real hub on ports of loopback that stay the same over restarts. */
export async function startHub(options: HubOptions): Promise<HubProcess> {
  const dataDir = options.dataDir ?? join(options.folder, "hub-data");
  mkdirSync(dataDir, { recursive: true });
  const apiPort = await freePort();
  const linkPort = await freePort();
  const advertised = await options.advertisedLink?.(linkPort);
  const url = `https://127.0.0.1:${apiPort}`;
  const webhookSecret = "the forge and the hub know it";
  const paths = { token: join(dataDir, "admin-token"), ca: join(dataDir, "ca.pem") };
  let api: HubApi | undefined;

  const program = createProgram({
    name: "hub",
    main: options.main ?? "hub/src/main.ts",
    args: () => [
      ...["--data-dir", dataDir],
      ...["--listen", `127.0.0.1:${apiPort}`],
      ...["--link-listen", `127.0.0.1:${linkPort}`],
      ...["--allow-addresses", "loopback"],
      ...["--allow-file-urls", "true"],
      ...(advertised ? ["--link-address", advertised] : []),
      ...(options.flags ?? []),
    ],
    env: () => ({ HOME: options.folder, MUSTER_WEBHOOK_SECRET: webhookSecret, ...options.env }),
    logPath: join(options.folder, "hub.log"),
    clockOffsetMs: options.clockOffsetMs,
    ready: (signal) => isReady(url, paths.ca, signal),
    reaper: options.reaper,
  });

  const connect = async () => {
    await api?.close().catch(() => {});
    api = createHubApi({ url, token: readFileSync(paths.token, "utf8").trim(), ca: readFileSync(paths.ca, "utf8") });
  };
  const start = async (startOptions: StartOptions = {}) => {
    await program.start(startOptions);
    if (startOptions.untilReady !== false) await connect();
  };

  const hub: HubProcess = Object.defineProperties(
    {
      url,
      linkPort,
      dataDir,
      webhookSecret,
      get api() {
        if (api === undefined) throw new Error("the hub has not been ready yet");
        return api;
      },
      get caPem() {
        return readFileSync(paths.ca, "utf8");
      },
      get token() {
        return readFileSync(paths.token, "utf8").trim();
      },
      metrics: async () => (await get(`${url}/metrics`, readFileSync(paths.ca, "utf8"))).text,
    },
    {
      ...Object.getOwnPropertyDescriptors(program),
      start: { value: start, enumerable: true },
      stop: {
        enumerable: true,
        value: async () => {
          await program.stop();
          await api?.close().catch(() => {});
        },
      },
      restart: {
        enumerable: true,
        value: async (restartOptions?: StartOptions) => {
          await program.stop();
          await start(restartOptions);
        },
      },
    },
  ) as HubProcess;
  await hub.start();
  return hub;
}

async function isReady(url: string, caPath: string, signal: AbortSignal): Promise<boolean> {
  if (!existsSync(caPath)) return false;
  return (await get(`${url}/readyz`, readFileSync(caPath, "utf8"), signal)).status === 200;
}

async function get(url: string, ca: string, signal?: AbortSignal): Promise<{ status: number; text: string }> {
  const dispatcher = new Agent({ connect: { ca } });
  try {
    const answer = await request(url, { dispatcher, ...(signal ? { signal } : {}) });
    return { status: answer.statusCode, text: await answer.body.text() };
  } finally {
    await dispatcher.destroy();
  }
}
