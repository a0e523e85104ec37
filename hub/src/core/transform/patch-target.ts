import type { Manifest } from "@muster/shared/manifest/parse.ts";
import { groupOf } from "@muster/shared/model/object-ref.ts";
import { wholeWord } from "@muster/shared/whole-word.ts";
import type { ObjectPatch, PatchTarget } from "./bundle-transform.ts";
import { parseLabelQuery } from "./label-query.ts";

/** Which objects a patch means, as kustomize reads it. */
export type ObjectFilter =
  | { readonly kind: "filter"; readonly matches: (manifest: Manifest) => boolean; readonly shown: string }
  /** `field` below the patch; `reason` is a sentence without its end. */
  | { readonly kind: "invalid"; readonly field: string; readonly reason: string; readonly fix: string };

/** `namespace` is that of objects which name none. */
export function filterOf({ target, patch }: ObjectPatch, namespace: string): ObjectFilter {
  if (target !== undefined) return filterOfTarget(target, namespace);
  if (patch.kind === "strategic") return filterOfIdentity(patch.merge, namespace);
  return {
    kind: "invalid",
    field: "target",
    reason: "a JSON patch does not say which objects it means",
    fix: 'Add a "target" with kind and name.',
  };
}

const versionOf = (apiVersion: string): string => apiVersion.slice(apiVersion.lastIndexOf("/") + 1);

function filterOfTarget(target: PatchTarget, namespace: string): ObjectFilter {
  const words: ((manifest: Manifest) => boolean)[] = [];
  const parts = {
    group: ({ ref }: Manifest) => groupOf(ref.apiVersion),
    version: ({ ref }: Manifest) => versionOf(ref.apiVersion),
    kind: ({ ref }: Manifest) => ref.kind,
    name: ({ ref }: Manifest) => ref.name,
    namespace: ({ ref }: Manifest) => ref.namespace || namespace,
  };
  for (const [field, read] of Object.entries(parts)) {
    const pattern = target[field as keyof typeof parts];
    if (pattern === undefined || pattern === "") continue;
    const matches = wholeWord(pattern);
    if (matches === null) {
      return {
        kind: "invalid",
        field: `target.${field}`,
        reason: `${JSON.stringify(pattern)} is no regular expression`,
        fix: `Write the ${field} as it is, or a regular expression: ".*" stands for anything.`,
      };
    }
    words.push((manifest) => matches(read(manifest)));
  }
  for (const field of ["labelSelector", "annotationSelector"] as const) {
    const query = target[field];
    if (query === undefined || query === "") continue;
    const parsed = parseLabelQuery(query);
    if (parsed.kind === "invalid") {
      const fix = "Write it as for kubectl: app=web,tier in (front,back),!legacy.";
      return { kind: "invalid", field: `target.${field}`, reason: parsed.reason, fix };
    }
    const texts = field === "labelSelector" ? "labels" : "annotations";
    words.push(({ object }) => parsed.matches(object.metadata[texts] ?? {}));
  }
  const shown = Object.entries(target).map(([field, pattern]) => `${field} ${pattern}`);
  return {
    kind: "filter",
    matches: (manifest) => words.every((matches) => matches(manifest)),
    shown: shown.length === 0 ? "any object" : shown.join(", "),
  };
}

/** A patch that looks like the object it means. */
function filterOfIdentity(merge: Readonly<Record<string, unknown>>, defaultNamespace: string): ObjectFilter {
  const { apiVersion, kind } = merge;
  const metadata = (merge.metadata ?? {}) as Record<string, unknown>;
  const { name } = metadata;
  const namespace = metadata.namespace ?? defaultNamespace;
  if (typeof apiVersion !== "string" || typeof kind !== "string" || typeof name !== "string") {
    return {
      kind: "invalid",
      field: "target",
      reason: "the patch does not say which object it means",
      fix: 'Add a "target", or apiVersion, kind and metadata.name of the object to the patch.',
    };
  }
  return {
    kind: "filter",
    matches: ({ ref }) =>
      ref.apiVersion === apiVersion &&
      ref.kind === kind &&
      ref.name === name &&
      // Who names no namespace in the patch means a cluster-wide object as well.
      (ref.namespace || defaultNamespace) === namespace,
    shown: `${apiVersion} ${kind} ${metadata.namespace === undefined ? "" : `${String(namespace)}/`}${name}`,
  };
}
