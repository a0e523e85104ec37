import { AppError } from "@muster/shared/errors.ts";
import { formatObject, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { ResourceKind } from "../../ports/cluster-api.ts";
import { apiVersionPath } from "./discovery.ts";

/** The path of a kind's collection, in one namespace or ("") in all. */
export function collectionPath(kind: ResourceKind, namespace: string): string {
  const scope = kind.isNamespaced && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${apiVersionPath(kind.apiVersion)}${scope}/${encodeURIComponent(kind.plural)}`;
}

/** A namespace on an object of a cluster-scoped kind is ignored, as the API server does. @throws AppError "invalid". */
export function objectPath(kind: ResourceKind, ref: ObjectRef): string {
  if (kind.isNamespaced && ref.namespace === "") {
    throw new AppError("invalid", `${formatObject(ref)}: metadata.namespace is missing`);
  }
  return `${collectionPath(kind, ref.namespace)}/${encodeURIComponent(ref.name)}`;
}

export function query(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? "" : `?${search}`;
}
