import { decodeBundle } from "@muster/shared/manifest/bundle.ts";
import type { AppName, Digest } from "@muster/shared/model/ids.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import { shortHash } from "../../core/managed-fields.ts";
import { APP_ANNOTATION, OWNER_LABEL } from "../../core/ownership.ts";
import type { BundleObject, OpenedBundle } from "../../ports/bundle-opener.ts";

export interface SplitRequest {
  readonly compressed: Uint8Array;
  readonly digest: Digest;
  readonly owner: { readonly hash: string; readonly app: AppName };
  readonly bytesMax: number;
}

/** What runs in the worker: checks the digest and makes each object ready to be applied. @throws as BundleOpener. */
export function splitBundle(request: SplitRequest): OpenedBundle {
  const { compressed, digest, bytesMax, owner } = request;
  const bundle = decodeBundle(compressed, { expected: digest, bytesMax });
  const definedKinds = new Map<string, boolean>();
  let bytes = 0;
  const objects = bundle.objects.map(({ ref, json }): BundleObject => {
    const object = JSON.parse(json) as Manifest;
    noteDefinition(object, definedKinds);
    const { body, namespaceAt } = withOwner(object, owner);
    bytes += body.length + 400;
    return { ref, body, namespaceAt, hash: shortHash(body) };
  });
  return { objects, definedKinds, bytes };
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: {
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

function withOwner(object: Manifest, owner: SplitRequest["owner"]): { body: string; namespaceAt: number | null } {
  const { apiVersion, kind, metadata = {}, ...rest } = writableSecret(object);
  const { namespace, ...others } = metadata;
  const owned = {
    ...others,
    labels: { ...metadata.labels, [OWNER_LABEL]: owner.hash },
    annotations: { ...metadata.annotations, [APP_ANNOTATION]: formatApp(owner.app) },
  };
  // Metadata first, so that the place for a namespace is known without looking for it.
  const head = `{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind)},"metadata":{`;
  const stated = namespace ? `"namespace":${JSON.stringify(namespace)},` : "";
  const tail = JSON.stringify(rest).slice(1);
  const body = `${head}${stated}${JSON.stringify(owned).slice(1)}${tail === "}" ? "" : ","}${tail}`;
  return { body, namespaceAt: namespace ? null : head.length };
}

/**
 * `stringData` is written and never read: the API server stores it as `data`, so the field that is applied would not
 * be the one that is owned, and could neither be compared nor removed.
 */
function writableSecret(object: Manifest): Manifest {
  const { stringData, ...rest } = object;
  if (object.kind !== "Secret" || object.apiVersion !== "v1" || typeof stringData !== "object") return object;
  const encoded = Object.entries(stringData ?? {}).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString("base64"),
  ]);
  return { ...rest, data: { ...(object.data as object | undefined), ...Object.fromEntries(encoded) } } as Manifest;
}

function noteDefinition(object: Manifest, definedKinds: Map<string, boolean>): void {
  if (object.kind !== "CustomResourceDefinition") return;
  const spec = object.spec as { group?: string; scope?: string; names?: { kind?: string } } | undefined;
  if (spec?.names?.kind === undefined) return;
  definedKinds.set(`${spec.group ?? ""}/${spec.names.kind}`, spec.scope !== "Cluster");
}
