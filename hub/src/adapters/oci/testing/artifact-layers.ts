import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { descriptorOf, EMPTY } from "./push-chart.ts";

export type TarEntry = Partial<Header> & { readonly name: string; readonly content?: string | Uint8Array };

export async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = "", ...header } of entries) tar.entry({ mtime: new Date(0), ...header }, content);
  tar.finalize();
  return buffer(tar);
}

export interface PushableArtifact {
  readonly manifest: object;
  readonly blobs: readonly Uint8Array[];
}

/** What `flux push artifact` makes of files (one archive), and what `oras push` makes of them (a layer for each). */
export async function artifactOf(
  files: Readonly<Record<string, string>>,
  opts: { annotations?: Record<string, string>; as?: "flux" | "oras" } = {},
): Promise<PushableArtifact> {
  const config = descriptorOf(EMPTY, "application/vnd.cncf.flux.config.v1+json");
  const about = opts.annotations === undefined ? {} : { annotations: opts.annotations };
  if (opts.as === "oras") {
    const blobs = Object.values(files).map((content) => Buffer.from(content));
    const layers = Object.keys(files).map((title, at) =>
      descriptorOf(blobs[at] as Buffer, "application/yaml", { "org.opencontainers.image.title": title }),
    );
    return { manifest: { ...MANIFEST, config, layers, ...about }, blobs: [EMPTY, ...blobs] };
  }
  const entries = Object.entries(files).map(([name, content]) => ({ name, content }));
  const archive = gzipSync(await tarOf(entries));
  const layers = [descriptorOf(archive, "application/vnd.cncf.flux.content.v1.tar+gzip")];
  return { manifest: { ...MANIFEST, config, layers, ...about }, blobs: [EMPTY, archive] };
}

const MANIFEST = { schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json" };
