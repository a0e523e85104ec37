import type { Instant } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { OciDescriptor, OciManifest } from "./manifest.ts";

export interface ArtifactDescription {
  readonly createdAt: Instant | null;
  readonly title: string | null;
}

const ANNOTATION = "org.opencontainers.image";
const TITLE_LENGTH_MAX = 300;
/** What stands for "nothing" where a manifest must have something. */
const EMPTY = "application/vnd.oci.empty.v1+json";

/** What a manifest says of itself, in the annotations that the image specification names and flux and oras write. */
export function describeArtifact({ annotations = {} }: OciManifest): ArtifactDescription {
  const createdAt = Date.parse(annotations[`${ANNOTATION}.created`] ?? "");
  const [title] = ["title", "description", "revision"]
    .map((name) => annotations[`${ANNOTATION}.${name}`]?.replace(/[\p{Cc}\s]+/gu, " ").trim() ?? "")
    .filter((text) => text !== "");
  return { createdAt: Number.isNaN(createdAt) ? null : createdAt, title: title?.slice(0, TITLE_LENGTH_MAX) ?? null };
}

/**
 * The layers that hold files: archives, and files of their own that have a title. Whatever else is pushed along (a
 * signature, the provenance of a chart) is left out. `what` begins the sentence. @throws AppError "invalid".
 */
export function fileLayers(
  { layers, artifactType, config }: OciManifest,
  what: string,
): readonly { readonly descriptor: OciDescriptor; readonly title: string | null }[] {
  const found = layers.flatMap((descriptor) => {
    const title = descriptor.annotations?.[`${ANNOTATION}.title`] ?? null;
    const isFile = isArchive(descriptor.mediaType) || (title !== null && descriptor.mediaType !== EMPTY);
    return isFile ? [{ descriptor, title }] : [];
  });
  if (found.length > 0) return found;
  throw new AppError("invalid", `${what} holds no files: it is ${artifactType ?? config.mediaType}`, {
    fix: "Push manifests with flux push artifact or oras push.",
  });
}

/** `application/vnd.cncf.flux.content.v1.tar+gzip`, `application/vnd.oci.image.layer.v1.tar+zstd` and the like. */
const isArchive = (mediaType: string): boolean =>
  /[./+-](?:tar|tgz)(?:[.+-](?:gzip|gz|zstd))?$|\/gzip$/.test(mediaType);
