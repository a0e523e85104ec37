import type { AppUid, Digest } from "@muster/shared/model/ids.ts";
import type { AppRecord } from "@muster/shared/model/inventory.ts";

/**
 * What the agent remembers, kept in the cluster, so that a new pod on another node knows it all. A resolved write
 * survives the death of the process. Written only under the Lease: a write with an older fence is a "conflict".
 */
export interface AgentState {
  /** Every App's record, read once at the start (and again after the Lease was taken). */
  load(): Promise<readonly AppRecord[]>;
  put(record: AppRecord): Promise<void>;
  remove(app: AppUid): Promise<void>;
  /** Compressed bundle bytes, for working on without the hub. */
  putBundle(digest: Digest, compressed: Uint8Array): Promise<void>;
  getBundle(digest: Digest): Promise<Uint8Array | null>;
  /** Forgets every stored bundle that is not named. */
  keepBundles(digests: ReadonlySet<Digest>): Promise<void>;
}

/** The cluster's one acting agent. */
export interface ClusterLease {
  /** Resolves when this process holds the Lease; `lost` aborts before another could hold it. */
  acquire(opts: { signal: AbortSignal }): Promise<{ readonly fence: number; readonly lost: AbortSignal }>;
  release(): Promise<void>;
}
