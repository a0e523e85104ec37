import { checkObject, type KubernetesObject, problemOf } from "@muster/shared/manifest/check-object.ts";
import type { Manifest } from "@muster/shared/manifest/parse.ts";
import { formatObject } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { ObjectPatch } from "./bundle-transform.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { isMapping } from "./merge-lists.ts";
import { hintOfObject } from "./nearest-object.ts";
import { filterOf } from "./patch-target.ts";
import { mergeStrategic } from "./strategic-merge.ts";
import type { Transformed } from "./transform-objects.ts";

const PROBLEMS_MAX = 20;

/** Every patch in turn, each on what the one before it left. `namespace` is that of objects which name none. */
export function applyPatches(
  manifests: readonly Manifest[],
  patches: readonly ObjectPatch[],
  namespace: string,
): Transformed {
  const problems: Problem[] = [];
  let current = manifests;
  for (const [index, patch] of patches.entries()) {
    const filter = filterOf(patch, namespace);
    if (filter.kind === "invalid") {
      const message = `patch ${index + 1}: ${filter.reason}.`;
      problems.push({
        code: "PatchFailed",
        message,
        where: { field: `patches.${index}.${filter.field}` },
        fix: filter.fix,
      });
      continue;
    }
    let matched = 0;
    const next: Manifest[] = [];
    for (const manifest of current) {
      if (!filter.matches(manifest)) {
        next.push(manifest);
        continue;
      }
      matched += 1;
      const result = patchOne(manifest, patch, index);
      if (result.kind === "patched" && result.manifest !== null) next.push(result.manifest);
      if (result.kind === "failed") {
        next.push(manifest);
        if (problems.length < PROBLEMS_MAX) problems.push(...result.problems);
      }
    }
    if (matched === 0) problems.push(nothingMatches(current, patch, index, filter.shown));
    current = next;
  }
  return { manifests: current, problems: problems.slice(0, PROBLEMS_MAX) };
}

type PatchedOne =
  /** Null: the patch deletes the object. */
  | { readonly kind: "patched"; readonly manifest: Manifest | null }
  | { readonly kind: "failed"; readonly problems: readonly Problem[] };

function patchOne(manifest: Manifest, { patch }: ObjectPatch, index: number): PatchedOne {
  const { ref, place, object } = manifest;
  const fail = (message: string, fix: string, field?: string): PatchedOne => ({
    kind: "failed",
    problems: [
      {
        code: "PatchFailed",
        message: message.slice(0, 2_000),
        where: { ...place, object: ref, ...(field === undefined ? {} : { field }) },
        fix,
      },
    ],
  });

  if (patch.kind === "json6902") {
    const result = applyJsonPatch(withAnnotations(object), patch.operations);
    if (result.kind === "patched") return checked(manifest, withoutEmptyAnnotations(result.value, object), index);
    const { op, path } = patch.operations[result.operation] ?? {};
    return fail(
      `patch ${index + 1}, operation ${result.operation + 1} (${op} ${path}) does not fit ${formatObject(ref)}: ${result.reason}.`,
      "Change the patch, or narrow its target to the objects that it fits.",
      typeof path === "string" ? fieldOfPointer(path) : undefined,
    );
  }
  const result = mergeStrategic(object, patch.merge);
  if (result.kind === "failed") {
    const field = result.path.join(".");
    return fail(
      `patch ${index + 1} does not fit ${formatObject(ref)} at ${field === "" ? "its root" : field}: ${result.reason}.`,
      "Change the patch, or narrow its target to the objects that it fits.",
      field === "" ? undefined : field,
    );
  }
  if (result.value === null) return { kind: "patched", manifest: null };
  return checked(manifest, keepIdentity(result.value, manifest), index);
}

/**
 * With kustomize a JSON patch may add an annotation to an object that has none, and many do; adding anything else needs
 * the mapping above it, as the standard says.
 */
function withAnnotations(object: KubernetesObject): KubernetesObject {
  if (object.metadata.annotations !== undefined && object.metadata.annotations !== null) return object;
  return { ...object, metadata: { ...object.metadata, annotations: {} } };
}

function withoutEmptyAnnotations(value: unknown, before: KubernetesObject): unknown {
  if (!isMapping(value) || !isMapping(value.metadata) || before.metadata.annotations !== undefined) return value;
  const { annotations, ...metadata } = value.metadata;
  return isMapping(annotations) && Object.keys(annotations).length === 0 ? { ...value, metadata } : value;
}

/** A merge patch says what an object holds, not which one it is: that says its target. */
function keepIdentity(value: Readonly<Record<string, unknown>>, { object }: Manifest): unknown {
  const { name, namespace } = object.metadata;
  const metadata = { ...(isMapping(value.metadata) ? value.metadata : {}), name };
  const { namespace: _, ...rest } = metadata as Record<string, unknown>;
  return {
    ...value,
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: namespace === undefined ? rest : { ...rest, namespace },
  };
}

function checked(manifest: Manifest, value: unknown, index: number): PatchedOne {
  const result = checkObject(value);
  if (result.kind === "object") {
    return { kind: "patched", manifest: { object: result.object, ref: result.ref, place: manifest.place } };
  }
  const { ref, place } = manifest;
  return {
    kind: "failed",
    problems: result.faults.map((fault) => {
      const { code, message } = problemOf(fault);
      const field = fault.path.join(".");
      return {
        code,
        message: `after patch ${index + 1}, ${formatObject(ref)} is no object any more: ${message}`.slice(0, 2_000),
        where: { ...place, object: ref, ...(field === "" ? {} : { field }) },
        fix: "Change the patch.",
      };
    }),
  };
}

function nothingMatches(
  manifests: readonly Manifest[],
  { target, patch }: ObjectPatch,
  index: number,
  shown: string,
): Problem {
  const merge = patch.kind === "strategic" ? patch.merge : {};
  const own = { kind: merge.kind, name: isMapping(merge.metadata) ? merge.metadata.name : undefined };
  const { kind, name } = target ?? own;
  const hint = hintOfObject(manifests, {
    ...(typeof kind === "string" ? { kind } : {}),
    ...(typeof name === "string" ? { name } : {}),
  });
  return {
    code: "PatchFailed",
    message: `patch ${index + 1} changes nothing: no object here is ${shown}.${hint}`.slice(0, 2_000),
    where: { field: target === undefined ? `patches.${index}.patch` : `patches.${index}.target` },
    fix: "Correct what the patch is for, or take it out.",
  };
}

const fieldOfPointer = (pointer: string): string =>
  pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
    .join(".");
