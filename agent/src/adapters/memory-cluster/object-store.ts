import { AppError } from "@muster/shared/errors.ts";
import type { LiveObject } from "../../ports/cluster-api.ts";
import { builtInKinds, kindKey, type MemoryKind } from "./kinds.ts";

export interface Change {
  readonly version: number;
  readonly type: "changed" | "deleted";
  readonly kind: MemoryKind;
  readonly object: LiveObject;
  /** What was there before, or null. */
  readonly previous: LiveObject | null;
}

/** What a watch can resume from; an older place is answered with "gone", as the API server's 410. */
const HISTORY_MAX = 2_000;

/** The objects of one cluster by kind, namespace and name, and what happened to them lately. Stored objects are never changed in place. */
export class ObjectStore {
  readonly #kinds = builtInKinds();
  readonly #objects = new Map<string, Map<string, LiveObject>>();
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  /** The version before the oldest change that is remembered. */
  #forgottenUntil = 0;
  #version = 0;

  get version(): number {
    return this.#version;
  }

  /** @throws AppError "unsupported". */
  kind(apiVersion: string, kind: string): MemoryKind {
    const found = this.#kinds.get(kindKey(apiVersion, kind));
    if (found) return found;
    throw new AppError("unsupported", `the cluster has no kind ${kind} in ${apiVersion}`, {
      fix: "Install the CustomResourceDefinition first, or use an apiVersion that this Kubernetes serves.",
    });
  }

  serve(kind: MemoryKind): void {
    this.#kinds.set(kindKey(kind.apiVersion, kind.kind), kind);
  }

  /** Its objects go with it. */
  withdraw(kind: MemoryKind): void {
    for (const object of this.all(kind)) this.remove(kind, object);
    this.#kinds.delete(kindKey(kind.apiVersion, kind.kind));
  }

  read(kind: MemoryKind, namespace: string, name: string): LiveObject | null {
    return this.#of(kind).get(nameKey(kind, namespace, name)) ?? null;
  }

  all(kind: MemoryKind): LiveObject[] {
    return [...this.#of(kind).values()];
  }

  *everything(): Generator<{ kind: MemoryKind; object: LiveObject }> {
    for (const kind of [...this.#kinds.values()]) for (const object of this.all(kind)) yield { kind, object };
  }

  /** Stores it as the next version. */
  put(kind: MemoryKind, object: LiveObject): LiveObject {
    const { namespace = "", name } = object.metadata;
    const previous = this.read(kind, namespace, name);
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#of(kind).set(nameKey(kind, namespace, name), stored);
    this.#tell({ version: this.#version, type: "changed", kind, object: stored, previous });
    return stored;
  }

  remove(kind: MemoryKind, object: LiveObject): void {
    const { namespace = "", name } = object.metadata;
    if (!this.#of(kind).delete(nameKey(kind, namespace, name))) return;
    this.#version += 1;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#tell({ version: this.#version, type: "deleted", kind, object: last, previous: object });
  }

  /** What happened after a version, or "gone" when that is no longer remembered. */
  changesAfter(version: number): readonly Change[] | "gone" {
    if (version < this.#forgottenUntil) return "gone";
    return this.#history.filter((change) => change.version > version);
  }

  forgetHistory(): void {
    this.#history = [];
    this.#forgottenUntil = this.#version;
  }

  /** Called after every change, in order. Answers what ends it. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > HISTORY_MAX) {
      const forgotten = this.#history.splice(0, HISTORY_MAX / 2);
      this.#forgottenUntil = forgotten.at(-1)?.version ?? this.#forgottenUntil;
    }
    for (const listener of [...this.#listeners]) listener(change);
  }

  #of(kind: MemoryKind): Map<string, LiveObject> {
    const key = kindKey(kind.apiVersion, kind.kind);
    const objects = this.#objects.get(key) ?? new Map<string, LiveObject>();
    this.#objects.set(key, objects);
    return objects;
  }
}

const nameKey = (kind: MemoryKind, namespace: string, name: string): string =>
  kind.isNamespaced ? `${namespace}/${name}` : name;
