import { readFile } from "node:fs/promises";
import type { Log } from "@muster/shared/log.ts";
import { openRenderers } from "./adapters/render/open-renderers.ts";
import { type RendererListen, serveRenderers } from "./adapters/render/remote/serve-renderers.ts";
import type { RendererConfig } from "./renderer-config.ts";

/** Kustomize and helm, serving a hub. `port` is 0 on a socket. */
export async function createRendererProcess(
  config: RendererConfig,
  log: Log,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const listen = await listenOf(config);
  const { renderers, close } = await openRenderers({
    directory: config.directory,
    helm: config.helm ?? null,
    kustomize: config.kustomize ?? null,
    processesMax: config.processes,
    log,
  });
  try {
    const { helm, kustomize } = renderers;
    const server = await serveRenderers({ renderers: { helm, kustomize }, listen, log });
    log.info({ socket: config.socket, port: server.port }, "serving");
    return {
      port: server.port,
      close: async () => {
        await server.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listenOf(config: RendererConfig): Promise<RendererListen> {
  if (config.socket !== undefined) return { kind: "socket", path: config.socket };
  const address = config.listen ?? "";
  const colon = address.lastIndexOf(":");
  const [certificate, key, clientRoot] = await Promise.all(
    [config["tls-certificate"], config["tls-key"], config["tls-client-root"]].map((file) =>
      readFile(file ?? "", "utf8"),
    ),
  );
  return {
    kind: "tls",
    host: address.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(address.slice(colon + 1)),
    certificate: certificate as string,
    key: key as string,
    clientRoot: clientRoot as string,
  };
}
