import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "@muster/shared/log.ts";
import { openRemoteRenderers } from "./adapters/render/open-remote-renderers.ts";
import { type OpenRenderers, openRenderers } from "./adapters/render/open-renderers.ts";
import type { RendererAddress } from "./adapters/render/remote/create-remote-renderers.ts";
import type { HubConfig } from "./config.ts";

const SOCKET = "unix:";

/**
 * The renderers that the configuration asks for: beside the hub, in a folder of its data directory, or in a container of
 * their own.
 */
export async function openHubRenderers(config: HubConfig, log: Log): Promise<OpenRenderers> {
  if (config.renderer !== undefined) return openRemoteRenderers(await addressOf(config, config.renderer));
  return openRenderers({
    directory: join(config["data-dir"], "render"),
    helm: config.helm ?? null,
    kustomize: config.kustomize ?? null,
    processesMax: config["render-processes"],
    log,
  });
}

async function addressOf(config: HubConfig, renderer: string): Promise<RendererAddress> {
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
