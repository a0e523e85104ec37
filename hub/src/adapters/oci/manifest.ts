import { AppError } from "@muster/shared/errors.ts";
import { z } from "zod";

const digest = z.string().regex(/^[a-z0-9+._-]+:[0-9A-Za-z=_-]+$/);
const annotations = z.record(z.string(), z.string());

const descriptor = z.object({
  mediaType: z.string(),
  digest,
  size: z.int().min(0),
  annotations: annotations.optional(),
});
/** What a manifest says of a blob. */
export type OciDescriptor = z.infer<typeof descriptor>;

const manifest = z.object({
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor).max(1_000),
  annotations: annotations.optional(),
});
export type OciManifest = z.infer<typeof manifest>;

export const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
] as const;
const INDEX_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);

/** `what` begins the sentence of an error. @throws AppError "invalid". */
export function parseManifest(bytes: Uint8Array, what: string): OciManifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new AppError("invalid", `${what} has a manifest that is not JSON`, { cause });
  }
  const isIndex = z.object({ manifests: z.array(z.unknown()), mediaType: z.string().optional() }).safeParse(json);
  if (isIndex.success && (isIndex.data.mediaType === undefined || INDEX_TYPES.has(isIndex.data.mediaType))) {
    throw new AppError("invalid", `${what} is an index of several images, not one artifact`, {
      fix: "Name the digest of one of them, or push it as an artifact of its own.",
    });
  }
  const read = manifest.safeParse(json);
  if (read.success) return read.data;
  throw new AppError(
    "invalid",
    `${what} has a manifest that Muster does not understand: ${z.prettifyError(read.error)}`,
  );
}
