import type { KeyHash } from "@muster/shared/model/joining.ts";
import type { SignedKeySet } from "@muster/shared/model/session.ts";

/** Who this agent is. The key comes first and is stored before anything is asked with it. */
export interface StoredIdentity {
  /** P-256 private key, PKCS#8 PEM. Never leaves the cluster. */
  readonly privateKey: string;
  /** UID of the `kube-system` namespace that the key was made in. */
  readonly clusterUid: string;
  /** Null until the agent has joined. */
  readonly membership: Membership | null;
}

export interface Membership {
  readonly hubId: string;
  /** The CA hash that this membership was checked against. */
  readonly caHash: KeyHash;
  readonly clusterId: string;
  readonly clusterName: string;
  /** The token that was used, so that another one in the configuration is noticed. */
  readonly tokenId: string;
  /** The hub's root certificate, PEM. */
  readonly root: string;
  /** The agent's client certificate, PEM. */
  readonly certificate: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Verified chain, oldest first; the last one is in force. */
  readonly keySets: readonly SignedKeySet[];
  /** Where the link is: `host:port`, in order of preference. */
  readonly endpoints: readonly string[];
}

/** Keeps the identity in the cluster, so that a new pod is the same agent. Two pods may write at once. */
export interface IdentityStore {
  load(): Promise<StoredIdentity | null>;
  /**
   * Writes if nobody else did since this store's last `load` or `save`. A resolved save survives the process.
   * @throws AppError "conflict": load again, the other writer's identity is as good.
   */
  save(identity: StoredIdentity): Promise<void>;
}
