import type { OpenedBundle } from "@muster/agent/ports/bundle-opener.ts";
import type { ClusterApi, LiveObject } from "@muster/agent/ports/cluster-api.ts";
import { isAppError, messageOf } from "@muster/shared/errors.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";

/** What applying one object would do, as the API server itself says it. */
export type PreviewEntry = { readonly ref: ObjectRef } & (
  | { readonly kind: "create" }
  | { readonly kind: "change"; readonly fields: readonly string[] }
  | { readonly kind: "same" }
  /** It exists and is not this App's: Muster leaves it alone. */
  | { readonly kind: "foreign"; readonly owner: string }
  | { readonly kind: "refused"; readonly reason: string }
);

export interface Preview {
  readonly cluster: string;
  readonly entries: readonly PreviewEntry[];
}

const AT_ONCE = 8;
const OWNER_LABEL = "muster.dev/owner";
const APP_ANNOTATION = "muster.dev/app";

/** Asks one cluster what the bundle would change there: dry runs on the server, and nothing is written. */
export async function previewCluster(
  api: ClusterApi,
  bundle: OpenedBundle,
  given: { cluster: string; app: { project: string; name: string }; namespace: string },
): Promise<Preview> {
  const entries: PreviewEntry[] = [];
  const queue = [...bundle.objects.entries()];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, object] = next;
      entries[index] = await previewObject(api, bundle, object, given);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { cluster: given.cluster, entries };
}

async function previewObject(
  api: ClusterApi,
  { definedKinds }: OpenedBundle,
  object: OpenedBundle["objects"][number],
  { app, namespace }: { app: { project: string; name: string }; namespace: string },
): Promise<PreviewEntry> {
  const { apiVersion, kind } = object.ref;
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  let ref = object.ref;
  try {
    if (definedKinds.has(`${group}/${kind}`)) return { ref, kind: "create" };
    const { isNamespaced } = await api.resolve(apiVersion, kind);
    let body = object.body;
    if (isNamespaced && ref.namespace === "") {
      ref = { ...ref, namespace };
      const at = object.namespaceAt;
      if (at !== null) body = `${body.slice(0, at)}"namespace":${JSON.stringify(namespace)},${body.slice(at)}`;
    }
    const live = await api.get(ref);
    const owner = live === null ? null : foreignOwner(live, formatApp(app));
    if (owner !== null) return { ref, kind: "foreign", owner };
    const would = await api.apply(ref, body, { force: true, dryRun: true });
    if (live === null) return { ref, kind: "create" };
    const fields = changedFields(live, would);
    return fields.length === 0 ? { ref, kind: "same" } : { ref, kind: "change", fields };
  } catch (error) {
    // The namespace is made first when it is for real.
    if (isAppError(error, "not-found")) return { ref, kind: "create" };
    return { ref, kind: "refused", reason: messageOf(error) };
  }
}

function foreignOwner(live: LiveObject, app: string): string | null {
  const annotation = live.metadata.annotations?.[APP_ANNOTATION];
  if (live.metadata.labels?.[OWNER_LABEL] === undefined) return "nobody that Muster knows";
  return annotation === app ? null : `the App ${annotation ?? "of another hub"}`;
}

/** Written by the API server itself, at every write. */
const SERVER_FIELDS = new Set([
  "metadata.managedFields",
  "metadata.resourceVersion",
  "metadata.generation",
  "metadata.uid",
  "metadata.creationTimestamp",
  `metadata.labels.${OWNER_LABEL}`,
  "status",
]);

/** Paths of the fields that differ, in the order of the object. */
export function changedFields(before: unknown, after: unknown, path = ""): readonly string[] {
  if (SERVER_FIELDS.has(path) || Object.is(before, after)) return [];
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after)) return [path];
  const keys = new Set([...Object.keys(after), ...Object.keys(before)]);
  return [...keys].flatMap((key) => {
    const below = Array.isArray(after) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    return changedFields((before as Fields)[key], (after as Fields)[key], below);
  });
}

type Fields = Record<string, unknown>;
const isBranch = (value: unknown): value is object => typeof value === "object" && value !== null;
