import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { ClusterApi, LiveObject } from "../ports/cluster-api.ts";

/** One cluster, as the contract needs it. */
export interface ClusterApiSubject {
  /** Applies as `muster` and may do everything. Its connections suffer the faults below. */
  readonly api: ClusterApi;
  /** Exists, is empty, and nobody else uses it. */
  readonly namespace: string;
  /** The same cluster for another field manager, never hit by faults. */
  as(manager: string): ClusterApi;
  /** What a person with an editor does: read, change, write back, under that manager. */
  edit(manager: string, ref: ObjectRef, change: (object: EditableObject) => void): Promise<LiveObject>;
  /** May read ConfigMaps of the namespace and nothing else. */
  restricted(): Promise<ClusterApi>;
  /** Every connection of `api` breaks and none can be made until `during` has ended. */
  interrupted(during: () => Promise<void>, opts: { forgetsHistory: boolean }): Promise<void>;
  /** The next `count` requests of `api` are answered with 429 and this Retry-After. */
  throttle?(count: number, retryAfterSeconds: number): void;
  close(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: an edit reaches anywhere into an object
export type EditableObject = Record<string, any>;
