/**
 * What is changed in the objects of a bundle for one variant, after they were read and before they are sealed. Applied
 * in the order of the fields. Plain data: it travels to a worker, and equal transforms of equal files give equal bundles.
 */
export interface BundleTransform {
  /**
   * The namespace that objects without one will be given in the cluster. Nothing is written into them; a patch that
   * asks for this namespace means them too. `default` unless told, as in kustomize.
   */
  readonly namespace?: string;
  readonly patches?: readonly ObjectPatch[];
  readonly images?: readonly ImageChange[];
  readonly replicas?: readonly ReplicaChange[];
  /** Before the name of every object but CustomResourceDefinitions, APIServices and Namespaces, and wherever it is named. */
  readonly namePrefix?: string;
}

export interface ObjectPatch {
  /** Absent for a strategic patch that says itself which object it means, by apiVersion, kind and metadata.name. */
  readonly target?: PatchTarget;
  readonly patch: JsonPatch | StrategicPatch;
}

/** All that is stated must hold; `{}` is every object. The first five are regular expressions for the whole word. */
export interface PatchTarget {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  /** As for kubectl: `app=web,tier in (front, back),!legacy`. */
  readonly labelSelector?: string;
  readonly annotationSelector?: string;
}

export interface JsonPatch {
  readonly kind: "json6902";
  readonly operations: readonly JsonPatchOperation[];
}

export interface JsonPatchOperation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  /** JSON pointer: `/spec/template/spec/containers/0/image`. */
  readonly path: string;
  /** Of `move` and `copy`. */
  readonly from?: string;
  /** Of `add`, `replace` and `test`. */
  readonly value?: unknown;
}

export interface StrategicPatch {
  readonly kind: "strategic";
  /** For kinds that Kubernetes itself does not have, a JSON merge patch (RFC 7386). */
  readonly merge: Readonly<Record<string, unknown>>;
}

export interface ImageChange {
  /** The image without tag and digest, as it is written: `registry.example.com/shop/web`. */
  readonly name: string;
  readonly newName?: string;
  /** Replaces tag and digest. */
  readonly newTag?: string;
  /** `sha256:…`; replaces tag and digest, or the digest alone beside `newTag`. */
  readonly digest?: string;
}

export interface ReplicaChange {
  readonly name: string;
  /** Deployment, StatefulSet, ReplicaSet and ReplicationController of that name when absent. */
  readonly kind?: string;
  readonly count: number;
}
