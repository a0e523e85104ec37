import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import { openRemoteRenderers } from "./adapters/render/open-remote-renderers.ts";
import { type OpenRenderers, openRenderers } from "./adapters/render/open-renderers.ts";
import type { RendererAddress } from "./adapters/render/remote/create-remote-renderers.ts";
import { findTool } from "./adapters/render/tool.ts";
import type { HubConfig } from "./config.ts";
import { RendererProcess } from "./renderer-process.ts";

const SOCKET = "unix:";
const SOCKET_NAME = "renderer.sock";
/** 104 on some systems, with its end. */
const SOCKET_PATH_BYTES_MAX = 103;
const IN_CONTAINER = { where: "in a container of its own; there: " };
const BESIDE = { where: "" };

type RenderersConfig = Pick<
  HubConfig,
  | "data-dir"
  | "render-processes"
  | "log-level"
  | "helm"
  | "kustomize"
  | "renderer"
  | "renderer-root"
  | "renderer-certificate"
  | "renderer-key"
>;

interface Deps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/**
 * The renderers that the configuration asks for: kustomize and helm in a process beside the hub, or in a container of
 * their own. Where there is neither, nothing is started.
 */
export async function openHubRenderers(config: RenderersConfig, deps: Deps): Promise<OpenRenderers> {
  if (config.renderer !== undefined) return openRemoteRenderers(await addressOf(config, config.renderer), IN_CONTAINER);
  const { helm, kustomize } = config;
  const folder = join(config["data-dir"], "render");
  const tools = await Promise.all([findTool("helm", helm ?? null), findTool("kustomize", kustomize ?? null)]);
  if (tools.every((found) => found === null)) {
    return openRenderers({ directory: folder, helm: null, kustomize: null, processesMax: 1, log: deps.log });
  }
  return openBeside(folder, config, deps);
}

/** What one that was killed left behind goes; what still ends there has a folder of its own. */
async function openBeside(folder: string, config: RenderersConfig, deps: Deps): Promise<OpenRenderers> {
  // One that is just ending may still write there: then the rest goes the next time.
  await rm(folder, { recursive: true, force: true }).catch(() => {});
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const own = await mkdtemp(join(folder, "at-"));
  const sockets = await folderOfSocket(own);
  const socket = join(sockets, SOCKET_NAME);
  const named = Object.entries({ helm: config.helm, kustomize: config.kustomize });
  const flags = {
    directory: join(own, "runs"),
    socket,
    processes: String(config["render-processes"]),
    "log-level": config["log-level"],
    ...Object.fromEntries(named.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))),
  };
  const remove = async (): Promise<void> => {
    for (const one of new Set([own, sockets])) await rm(one, { recursive: true, force: true });
  };
  try {
    const beside = await RendererProcess.start({ flags, ...deps });
    try {
      const { renderers, close } = await openRemoteRenderers({ kind: "socket", path: socket }, BESIDE);
      return {
        renderers,
        close: async () => {
          await close();
          await beside.close();
          await remove();
        },
      };
    } catch (error) {
      await beside.close();
      throw error;
    }
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The kernel allows some hundred bytes for the path of a socket; data directories may be anywhere. */
async function folderOfSocket(folder: string): Promise<string> {
  return Buffer.byteLength(join(folder, SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX
    ? folder
    : mkdtemp(join(tmpdir(), "muster-renderer-"));
}

async function addressOf(config: RenderersConfig, renderer: string): Promise<RendererAddress> {
  if (renderer.startsWith(SOCKET)) return { kind: "socket", path: renderer.slice(SOCKET.length) };
  const colon = renderer.lastIndexOf(":");
  const [root = "", certificate = "", key = ""] = await Promise.all(
    [config["renderer-root"], config["renderer-certificate"], config["renderer-key"]].map((file) =>
      readFile(file ?? "", "utf8"),
    ),
  );
  const host = renderer.slice(0, colon).replace(/^\[|\]$/g, "");
  return { kind: "tls", host, port: Number(renderer.slice(colon + 1)), root, certificate, key };
}
