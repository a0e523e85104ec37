import { createHash } from "node:crypto";
import type { MemoryRegistry } from "./memory-registry.ts";

export const EMPTY = Buffer.from("{}");

export const descriptorOf = (content: Uint8Array, mediaType: string, annotations?: Record<string, string>) => ({
  mediaType,
  digest: `sha256:${createHash("sha256").update(content).digest("hex")}`,
  size: content.length,
  ...(annotations === undefined ? {} : { annotations }),
});

/** The manifest that `helm push` writes for an archive. */
export const chartManifest = (archive: Uint8Array, config: Uint8Array = EMPTY) => ({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: descriptorOf(config, "application/vnd.cncf.helm.config.v1+json"),
  layers: [descriptorOf(archive, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
});

/** As `helm push` does it; `repository` is with the chart's name. */
export function pushChart(registry: MemoryRegistry, repository: string, version: string, archive: Uint8Array): void {
  registry.blob(EMPTY);
  registry.blob(archive);
  registry.push(repository, version.replaceAll("+", "_"), chartManifest(archive));
}
