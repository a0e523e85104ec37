import { AppError } from "@muster/shared/errors.ts";
import { formatObject, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { ClusterApi, LiveObject, ResourceKind } from "../../ports/cluster-api.ts";
import type { Faults, Verb } from "./faults.ts";
import type { MemoryKind } from "./kinds.ts";
import { type Fields, isMap } from "./object-fields.ts";
import { labelMatcher, watchObjects } from "./watch-objects.ts";
import { applyObject, deleteObject, putObject, type WriteDesk } from "./write-object.ts";

export interface MemoryClusterApiOptions {
  readonly desk: WriteDesk;
  readonly faults: Faults;
  /** Who owns what is written. */
  readonly manager: string;
  readonly version: string;
}

/** The port for one client of the cluster. What it answers is the client's own copy. */
export function memoryClusterApi({ desk, faults, manager, version }: MemoryClusterApiOptions): ClusterApi {
  const { store } = desk;
  const stopping = new AbortController();

  /** Lets the faults speak first, as the network would. */
  const enter = async (verb: Verb, ref: ObjectRef, signal?: AbortSignal): Promise<MemoryKind> => {
    const { kind, namespace, name } = ref;
    const plural = findKind(ref)?.plural ?? kind.toLowerCase();
    await faults.pass({ verb, kind, plural, namespace, name }, signal);
    return store.kind(ref.apiVersion, ref.kind);
  };
  const findKind = ({ apiVersion, kind }: Pick<ResourceKind, "apiVersion" | "kind">): MemoryKind | null => {
    try {
      return store.kind(apiVersion, kind);
    } catch {
      return null;
    }
  };

  const api: ClusterApi = {
    async version() {
      await faults.pass({ verb: "get", kind: "version", plural: "version", namespace: "", name: "" });
      return version;
    },

    async clusterUid() {
      const kubeSystem = await api.get({ apiVersion: "v1", kind: "Namespace", namespace: "", name: "kube-system" });
      return kubeSystem?.metadata.uid ?? "";
    },

    async resolve(apiVersion, kind) {
      if (faults.isUnavailable) await faults.pass({ verb: "get", kind, plural: kind, namespace: "", name: "" });
      const { plural, isNamespaced } = store.kind(apiVersion, kind);
      return { apiVersion, kind, plural, isNamespaced };
    },

    async get(ref) {
      const kind = await enter("get", ref);
      return structuredClone(store.read(kind, ref.namespace, ref.name));
    },

    async apply(ref, body, { force, dryRun = false, signal }) {
      const kind = await enter("patch", ref, signal);
      const patch = parseObject(ref, body);
      return structuredClone(applyObject(desk, { kind, ref }, patch, { manager, force, isDryRun: dryRun }));
    },

    async delete(ref, { uid, signal }) {
      if (!findKind(ref) && !faults.isUnavailable) return;
      const kind = await enter("delete", ref, signal);
      const live = store.read(kind, ref.namespace, ref.name);
      if (!live || (uid !== undefined && live.metadata.uid !== uid)) return;
      if (kind.kind !== "Namespace") return deleteObject(desk, kind, live);
      if (live.metadata.deletionTimestamp) return;
      const metadata = { ...live.metadata, deletionTimestamp: desk.time() };
      store.put(kind, { ...live, metadata, status: { phase: "Terminating" } });
    },

    watch: (resource, { labelSelector, signal }) => {
      const kind = store.kind(resource.apiVersion, resource.kind);
      const until = AbortSignal.any([signal, stopping.signal]);
      return watchObjects({ store, faults, kind, labelSelector, signal: until });
    },

    async list(resource, { labelSelector = "", namespace = "" }) {
      const kind = await enter("list", { ...resource, namespace, name: "" });
      const matches = labelMatcher(labelSelector);
      const isIn = ({ metadata }: LiveObject) => namespace === "" || metadata.namespace === namespace;
      return structuredClone(store.all(kind).filter((object) => isIn(object) && matches(object)));
    },

    async create(object) {
      const ref = refOf(object as LiveObject);
      const kind = await enter("create", ref);
      if (store.read(kind, ref.namespace, ref.name)) {
        throw new AppError("conflict", `${formatObject(ref)}: ${kind.plural} "${ref.name}" already exists`);
      }
      const fields = structuredClone(object) as Fields;
      return structuredClone(putObject(desk, { kind, ref }, fields, { manager, live: null }));
    },

    async replace(object) {
      const ref = refOf(object);
      const kind = await enter("update", ref);
      const live = store.read(kind, ref.namespace, ref.name);
      if (!live) throw new AppError("not-found", `${formatObject(ref)}: ${kind.plural} "${ref.name}" not found`);
      const { resourceVersion } = object.metadata;
      if (resourceVersion && resourceVersion !== live.metadata.resourceVersion) {
        throw new AppError("conflict", `${formatObject(ref)}: the object has been modified; read it again and retry`);
      }
      return structuredClone(putObject(desk, { kind, ref }, structuredClone(object) as Fields, { manager, live }));
    },

    async close() {
      stopping.abort();
    },
  };
  return api;
}

function parseObject(ref: ObjectRef, body: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (cause) {
    throw new AppError("invalid", `${formatObject(ref)}: the object is no JSON`, { cause });
  }
  if (isMap(parsed)) return parsed;
  throw new AppError("invalid", `${formatObject(ref)}: the object is no JSON object`);
}

const refOf = (object: LiveObject): ObjectRef => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  namespace: object.metadata.namespace ?? "",
  name: object.metadata.name,
});
