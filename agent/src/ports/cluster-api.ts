import { isAppError } from "@muster/shared/errors.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { Live } from "../core/live.ts";

/** A live object as the API server returns it. */
export type LiveObject = Live;

export interface ResourceKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** `deployments`. */
  readonly plural: string;
  readonly isNamespaced: boolean;
}

/** A service account of the cluster. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

export type WatchEvent =
  | { readonly kind: "listed"; readonly objects: readonly LiveObject[] }
  | { readonly kind: "changed"; readonly object: LiveObject }
  | { readonly kind: "deleted"; readonly object: LiveObject };

/**
 * One Kubernetes API server, as far as reconciling needs it. Every request has a deadline; 429 and Retry-After are
 * respected inside. Failures are AppErrors whose message says what the API server said:
 * "unavailable" (no contact, 5xx, timed out), "forbidden" (RBAC: message names verb and resource), "not-found",
 * "conflict" (field or version conflict), "invalid" (422, 400: the object breaks a rule), "unsupported" (no such kind).
 */
export interface ClusterApi {
  /** `1.37`. */
  version(): Promise<string>;
  /** UID of the `kube-system` namespace: what a cluster's identity is bound to. */
  clusterUid(): Promise<string>;
  /** Looks a kind up, from a cache that is renewed when it does not know the kind. @throws AppError "unsupported". */
  resolve(apiVersion: string, kind: string): Promise<ResourceKind>;
  get(ref: ObjectRef): Promise<LiveObject | null>;
  /**
   * Server-side apply. `body` is the object as JSON text, so that no caller parses it. Returns the object as stored.
   * With `actAs` the rights of that service account count, and no others.
   */
  apply(
    ref: ObjectRef,
    body: string,
    opts: { force: boolean; dryRun?: boolean; actAs?: ServiceAccount | undefined; signal?: AbortSignal },
  ): Promise<LiveObject>;
  /** Deletes if it still is the object with this uid; an object that is gone, alone or with its kind, is success. */
  delete(
    ref: ObjectRef,
    opts: { uid?: string; actAs?: ServiceAccount | undefined; signal?: AbortSignal },
  ): Promise<void>;
  /**
   * All objects of a kind that carry the label selector (`key=value` or `key`), for ever: lists first, resumes from
   * where it was after a cut, lists again when the API server has forgotten that place. Ends when `signal` aborts.
   * @throws what waiting does not mend: AppError "forbidden", "unsupported" (the kind is gone), "invalid" (selector).
   */
  watch(kind: ResourceKind, opts: { labelSelector: string; signal: AbortSignal }): AsyncIterable<WatchEvent>;
  list(kind: ResourceKind, opts: { labelSelector?: string; namespace?: string }): Promise<readonly LiveObject[]>;
  /** Plain read-modify-write for the agent's own small objects (Secrets, the Lease). @throws "conflict". */
  create(object: object): Promise<LiveObject>;
  replace(object: LiveObject): Promise<LiveObject>;
  close(): Promise<void>;
}

/** Whether an apply failed because a field may not change: only a new object can have the new value. */
export const isImmutableFieldError = (error: unknown): boolean =>
  isAppError(error, "invalid") && / is immutable/.test(error.message);
