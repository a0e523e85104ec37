import type { KubernetesObject } from "@muster/shared/manifest/check-object.ts";
import type { Manifest } from "@muster/shared/manifest/parse.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { nearestName } from "@muster/shared/nearest-name.ts";
import type { ImageChange } from "./bundle-transform.ts";
import type { Transformed } from "./transform-objects.ts";

/** Lists of containers, wherever they stand: custom resources have pod templates as well. */
const CONTAINER_LISTS = new Set(["containers", "initContainers", "ephemeralContainers"]);
const SEEN_MAX = 1_000;

/**
 * Another name, tag or digest for the images of containers and of image volumes. An image is named without tag and
 * digest, as it is written in the manifest; of several changes for one image each works on what the one before it left.
 */
export function changeImages(manifests: readonly Manifest[], images: readonly ImageChange[]): Transformed {
  if (images.length === 0) return { manifests, problems: [] };
  const used = new Set<number>();
  const seen = new Set<string>();
  const changed = manifests.map((manifest) => {
    // Its schema describes containers, and has none.
    if (manifest.ref.kind === "CustomResourceDefinition") return manifest;
    const object = walk(manifest.object) as KubernetesObject;
    return object === manifest.object ? manifest : { ...manifest, object };
  });
  const problems = images.flatMap((image, index) => (used.has(index) ? [] : [notUsed(image, index, [...seen])]));
  return { manifests: changed, problems };

  function walk(node: unknown): unknown {
    if (Array.isArray(node)) return same(node, node.map(walk));
    if (typeof node !== "object" || node === null) return node;
    let result = node as Record<string, unknown>;
    for (const [key, before] of Object.entries(result)) {
      let after = walk(before);
      if (Array.isArray(after) && CONTAINER_LISTS.has(key)) after = same(after, after.map(changeContainer));
      else if (Array.isArray(after) && key === "volumes") after = same(after, after.map(changeVolume));
      if (after !== before) result = { ...result, [key]: after };
    }
    return result;
  }

  function changeContainer(container: unknown): unknown {
    if (typeof container !== "object" || container === null || !("image" in container)) return container;
    const image = change(container.image);
    return image === container.image ? container : { ...container, image };
  }

  function changeVolume(volume: unknown): unknown {
    const source = (volume as { image?: { reference?: unknown } } | null)?.image;
    if (typeof source !== "object" || source === null) return volume;
    const reference = change(source.reference);
    return reference === source.reference ? volume : { ...(volume as object), image: { ...source, reference } };
  }

  function change(image: unknown): unknown {
    if (typeof image !== "string") return image;
    if (seen.size < SEEN_MAX) seen.add(splitImage(image).name);
    let current = image;
    for (const [index, wanted] of images.entries()) {
      if (splitImage(current).name !== wanted.name) continue;
      used.add(index);
      current = changeImage(current, wanted);
    }
    return current;
  }
}

const same = (before: readonly unknown[], after: readonly unknown[]): readonly unknown[] =>
  after.every((item, index) => item === before[index]) ? before : after;

export interface ImageParts {
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
}

/** `host:5000/shop/web:v1@sha256:…`: a colon before the last slash is of the host's port. */
export function splitImage(image: string): ImageParts {
  const at = image.indexOf("@");
  const digest = at < 0 ? "" : image.slice(at + 1);
  const tagged = at < 0 ? image : image.slice(0, at);
  const colon = tagged.indexOf(":", tagged.lastIndexOf("/") + 1);
  if (colon < 0) return { name: tagged, tag: "", digest };
  return { name: tagged.slice(0, colon), tag: tagged.slice(colon + 1), digest };
}

function changeImage(image: string, { newName, newTag, digest: newDigest }: ImageChange): string {
  const parts = splitImage(image);
  const isOther = newTag !== undefined || newDigest !== undefined;
  const name = newName ?? parts.name;
  const tag = isOther ? newTag : parts.tag;
  const digest = isOther ? newDigest : parts.digest;
  return `${name}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
}

function notUsed({ name }: ImageChange, index: number, seen: readonly string[]): Problem {
  const parts = splitImage(name);
  const bare = parts.tag !== "" || parts.digest !== "" ? parts.name : null;
  // Most often only the registry or the path before the name differs.
  const last = (image: string): string => image.slice(image.lastIndexOf("/") + 1);
  const nearest = nearestName(name, seen) ?? seen.find((image) => last(image) === last(bare ?? name)) ?? null;
  return {
    code: "PatchFailed",
    message: `images ${index + 1}: no container here uses the image ${name}.${nearest === null ? "" : ` Did you mean ${nearest}?`}`,
    where: { field: `images.${index}.name` },
    fix:
      bare === null
        ? "Write the name as it stands in the manifest, without tag and digest, or take this out."
        : `Write the name without tag and digest: ${bare}.`,
  };
}
