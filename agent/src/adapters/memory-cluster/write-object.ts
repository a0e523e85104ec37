import { isDeepStrictEqual } from "node:util";
import { AppError } from "@muster/shared/errors.ts";
import { formatObject, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { LiveObject } from "../../ports/cluster-api.ts";
import { formatPath } from "./field-set.ts";
import type { MemoryKind } from "./kinds.ts";
import { applyFields, updateFields, type WriteContext } from "./managed-fields.ts";
import type { Fields } from "./object-fields.ts";
import type { ObjectStore } from "./object-store.ts";
import { validate } from "./validation.ts";

/** What a write takes from outside. */
export interface WriteDesk {
  readonly store: ObjectStore;
  /** RFC 3339. */
  readonly time: () => string;
  readonly uid: () => string;
}

export interface WriteTarget {
  readonly kind: MemoryKind;
  readonly ref: ObjectRef;
}

export function applyObject(
  desk: WriteDesk,
  { kind, ref }: WriteTarget,
  patch: Fields,
  opts: { manager: string; force: boolean; isDryRun: boolean },
): LiveObject {
  requireNamespace(desk.store, kind, ref);
  const live = desk.store.read(kind, ref.namespace, ref.name);
  const applied = applyFields(live, identified(withoutStatus(patch, kind), kind, ref), {
    ...contextOf(desk, kind, { manager: opts.manager, operation: "Apply" }),
    force: opts.force,
  });
  if (applied.kind === "conflict") {
    const fields = applied.conflicts.map(
      ({ manager, path }) => `field ${formatPath(path).slice(1)} is managed by "${manager}"`,
    );
    throw new AppError("conflict", `${formatObject(ref)}: ${fields.join("; ")}`, {
      fix: "Leave the field out of the manifest, or make its other manager give it up.",
    });
  }
  return store(desk, { kind, ref }, applied.object, live, opts.isDryRun);
}

/** Create (`live` is null) and replace. */
export function putObject(
  desk: WriteDesk,
  { kind, ref }: WriteTarget,
  object: Fields,
  opts: { manager: string; live: LiveObject | null },
): LiveObject {
  requireNamespace(desk.store, kind, ref);
  const { live } = opts;
  const next = identified(withoutStatus(object, kind), kind, ref);
  const kept = kind.hasStatus && live?.status !== undefined ? { ...next, status: live.status } : next;
  const context = contextOf(desk, kind, { manager: opts.manager, operation: "Update" });
  return store(desk, { kind, ref }, updateFields(live, kept, context), live, false);
}

/** Status alone, as a controller writes it. Changes no generation. */
export function putStatus(
  desk: WriteDesk,
  kind: MemoryKind,
  live: LiveObject,
  { status, manager }: { status: unknown; manager: string },
): LiveObject {
  const context = contextOf(desk, kind, { manager, operation: "Update", subresource: "status" });
  return desk.store.put(kind, updateFields(live, { ...live, status }, context) as unknown as LiveObject);
}

/** Deletes now, or marks as being deleted while finalizers are left. */
export function deleteObject(desk: WriteDesk, kind: MemoryKind, live: LiveObject): void {
  const finalizers = live.metadata.finalizers as readonly string[] | undefined;
  if (!finalizers || finalizers.length === 0) desk.store.remove(kind, live);
  else if (!live.metadata.deletionTimestamp)
    desk.store.put(kind, { ...live, metadata: { ...live.metadata, deletionTimestamp: desk.time() } });
}

function contextOf(desk: WriteDesk, kind: MemoryKind, writer: WriteContext["writer"]): WriteContext {
  return { writer, apiVersion: kind.apiVersion, time: desk.time(), isBuiltIn: kind.isBuiltIn };
}

function store(
  desk: WriteDesk,
  target: WriteTarget,
  next: Fields,
  live: LiveObject | null,
  isDryRun: boolean,
): LiveObject {
  const { kind, ref } = target;
  const object = stamped(desk, kind, withDefaults(desk, ref, next, live), live);
  validate(ref, object, live);
  if (live && isDeepStrictEqual(object, live)) return live;
  if (isDryRun) return object;
  const stored = desk.store.put(kind, object);
  if (stored.metadata.deletionTimestamp) deleteObject(desk, kind, stored);
  return stored;
}

function requireNamespace(objects: ObjectStore, kind: MemoryKind, ref: ObjectRef): void {
  if (!kind.isNamespaced) return;
  if (ref.namespace === "") throw new AppError("invalid", `${formatObject(ref)}: metadata.namespace is missing`);
  const namespace = objects.read(objects.kind("v1", "Namespace"), "", ref.namespace);
  if (!namespace) throw new AppError("not-found", `${formatObject(ref)}: namespaces "${ref.namespace}" not found`);
  if (namespace.metadata.deletionTimestamp && !objects.read(kind, ref.namespace, ref.name)) {
    throw new AppError("conflict", `${formatObject(ref)}: namespace ${ref.namespace} is being terminated`, {
      retryable: true,
    });
  }
}

/** The identity that the request's address says; another one in the body is refused. */
function identified(object: Fields, kind: MemoryKind, ref: ObjectRef): Fields {
  const { namespace: _, ...metadata } = (object.metadata ?? {}) as Fields;
  if (metadata.name !== undefined && metadata.name !== ref.name) {
    throw new AppError("invalid", `${formatObject(ref)}: the name of the object (${metadata.name}) does not match`);
  }
  return {
    ...object,
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { ...metadata, name: ref.name, ...(kind.isNamespaced ? { namespace: ref.namespace } : {}) },
  };
}

function withoutStatus(object: Fields, kind: MemoryKind): Fields {
  if (!kind.hasStatus) return object;
  const { status: _, ...rest } = object;
  return rest;
}

const WITHOUT_GENERATION = new Set([
  "Service",
  "Namespace",
  "PersistentVolumeClaim",
  "PersistentVolume",
  "ServiceAccount",
]);

/** What only the API server says: uid, times, generation. */
function stamped(desk: WriteDesk, kind: MemoryKind, next: Fields, live: LiveObject | null): LiveObject {
  const metadata = next.metadata as LiveObject["metadata"];
  const counts = !kind.isBuiltIn || (kind.hasStatus && !WITHOUT_GENERATION.has(kind.kind));
  if (!live) {
    return {
      ...next,
      metadata: {
        ...metadata,
        uid: desk.uid(),
        resourceVersion: "",
        creationTimestamp: desk.time(),
        ...(counts ? { generation: 1 } : {}),
      },
    } as unknown as LiveObject;
  }
  const { uid, resourceVersion, creationTimestamp, deletionTimestamp, generation = 0 } = live.metadata;
  const rises = counts && !isDeepStrictEqual(contentOf(next), contentOf(live));
  return {
    ...next,
    metadata: {
      ...metadata,
      uid,
      resourceVersion,
      creationTimestamp,
      ...(deletionTimestamp ? { deletionTimestamp } : {}),
      ...(counts ? { generation: generation + (rises ? 1 : 0) } : {}),
    },
  } as unknown as LiveObject;
}

function contentOf(object: object): object {
  const { metadata: _metadata, status: _status, ...content } = object as Fields;
  return content;
}

/** The few defaults that people see in `kubectl get -o yaml` and that a diff must not take for drift. */
function withDefaults(desk: WriteDesk, ref: ObjectRef, object: Fields, live: LiveObject | null): Fields {
  const spec = object.spec as Fields | undefined;
  if ((ref.kind === "Deployment" || ref.kind === "StatefulSet") && spec) {
    return { ...object, spec: { replicas: 1, ...spec } };
  }
  if (ref.kind === "Namespace") return { status: { phase: "Active" }, ...object };
  if (ref.kind === "Service" && spec && spec.type !== "ExternalName") {
    // The address is given once and stays.
    const given = (live?.spec as Fields | undefined)?.clusterIP;
    return { ...object, spec: { type: "ClusterIP", clusterIP: given ?? nextAddress(desk.store.version), ...spec } };
  }
  return object;
}

const nextAddress = (version: number): string => `10.96.${((version + 10) >> 8) & 255}.${(version + 10) & 255}`;
