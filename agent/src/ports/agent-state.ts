import type { AppUid, Digest } from "@muster/shared/model/ids.ts";
import type { AppRecord } from "@muster/shared/model/inventory.ts";
import type { Mark } from "@muster/shared/model/mark.ts";

/** What `load` finds. */
export interface StoredState {
  readonly records: readonly AppRecord[];
  /** Marks of Apps that were removed, the newest at least: an older assignment must not bring one back. */
  readonly removed: readonly Mark[];
}

/**
 * What the agent remembers, kept in the cluster, so that a new pod on another node knows it all. A resolved write
 * survives the death of the process. Written only under the Lease: a write with an older fence is a "conflict".
 */
export interface AgentState {
  /**
   * Every App's record, read after the Lease was taken and before anything is written. From then on writes of every
   * holder of an older fence fail.
   */
  load(opts: { readonly fence: number }): Promise<StoredState>;
  /** Puts of one App take effect in the order they were called. */
  put(record: AppRecord): Promise<void>;
  /** Forgets the record and keeps the mark. An App that is not there is success. */
  remove(app: AppUid, mark: Mark): Promise<void>;
  /** Compressed bundle bytes, for working on without the hub. */
  putBundle(digest: Digest, compressed: Uint8Array): Promise<void>;
  getBundle(digest: Digest): Promise<Uint8Array | null>;
  /** Forgets every stored bundle that is not named. */
  keepBundles(digests: ReadonlySet<Digest>): Promise<void>;
}

/** The Lease as one process holds it. */
export interface HeldLease {
  readonly fence: number;
  /** Aborts before another could hold it. */
  readonly lost: AbortSignal;
  /**
   * To be asked right before every write: a process or machine that stood still wakes up with writes ready to go, before
   * any timer of it could tell. False from then on for ever.
   */
  isHeld(): boolean;
}

/** The cluster's one acting agent. */
export interface ClusterLease {
  /** Resolves when this process holds the Lease. */
  acquire(opts: { signal: AbortSignal }): Promise<HeldLease>;
  release(): Promise<void>;
}
