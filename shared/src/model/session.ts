import type { SignedAssignment } from "./assignment.ts";
import type { Mark } from "./mark.ts";

/** Versions of the link's protocol that this code speaks. */
export const PROTOCOL = { min: 1, max: 1 } as const;

/** The first message of an agent. Identity is not in it: the client certificate alone says which cluster this is. */
export interface Hello {
  readonly protocol: { readonly min: number; readonly max: number };
  readonly agentVersion: string;
  readonly capabilities: readonly string[];
  /** e.g. `1.37`. */
  readonly kubernetesVersion: string;
  /** UID of the `kube-system` namespace as the agent sees it now; must equal the one in its certificate. */
  readonly clusterUid: string;
  /** Random for each agent process. */
  readonly instance: string;
  /** Whether this process holds the cluster's Lease. A stand-by connects too and is sent nothing to act on. */
  readonly isActing: boolean;
  /** What the agent holds: the hub answers with the difference. */
  readonly have: readonly {
    readonly mark: Mark;
    /** The signed assignment itself: proof, if the hub has forgotten that it was ever given. */
    readonly proof: SignedAssignment;
  }[];
}

export interface HelloAck {
  readonly protocol: number;
  readonly hubId: string;
  readonly hubVersion: string;
  /** Public keys that sign assignments: key id → raw Ed25519 public key (32 bytes). */
  readonly keySet: SignedKeySet;
  readonly heartbeatMs: number;
  /** The hub's clock, so that an agent can name a skew. Milliseconds. */
  readonly hubTime: number;
}

export interface KeySet {
  readonly version: number;
  readonly keys: readonly { readonly id: string; readonly publicKey: Uint8Array }[];
}

/** Encoded KeySet, signed by the key set before it (the first by the hub's root). */
export interface SignedKeySet {
  readonly payload: Uint8Array;
  readonly keyId: string;
  readonly signature: Uint8Array;
}
