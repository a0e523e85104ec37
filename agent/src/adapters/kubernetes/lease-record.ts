import type { Instant } from "@muster/shared/clock.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { LiveObject } from "../../ports/cluster-api.ts";

/** `coordination.k8s.io/v1` LeaseSpec. */
export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface LeaseHolding {
  readonly identity: string;
  readonly durationMs: number;
  readonly now: Instant;
}

const FENCE = "muster.dev/fence";

export const specOf = (lease: LiveObject): LeaseSpec => (lease.spec ?? {}) as LeaseSpec;

/** Rises with every acquisition, also over a Lease that somebody deleted meanwhile. */
export const fenceOf = (lease: LiveObject): number => Number(lease.metadata.annotations?.[FENCE] ?? 0);

/** `leaseTransitions` would start at zero again when the Lease is deleted, and old writes would count as new ones. */
const nextFence = (previous: number, now: Instant): number => Math.max(previous + 1, now);

export function leaseObject(ref: ObjectRef, holding: LeaseHolding): object {
  const { apiVersion, kind, namespace, name } = ref;
  const annotations = { [FENCE]: String(nextFence(0, holding.now)) };
  const time = microTime(holding.now);
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, annotations },
    spec: { ...spec(holding), acquireTime: time, renewTime: time, leaseTransitions: 0 },
  };
}

export function heldBy(lease: LiveObject, holding: LeaseHolding, opts: { isNewHolder: boolean }): LiveObject {
  const before = specOf(lease);
  const time = microTime(holding.now);
  const renewed = { ...before, ...spec(holding), renewTime: time };
  if (!opts.isNewHolder) return { ...lease, spec: renewed };
  const annotations = { ...lease.metadata.annotations, [FENCE]: String(nextFence(fenceOf(lease), holding.now)) };
  return {
    ...lease,
    metadata: { ...lease.metadata, annotations },
    spec: { ...renewed, acquireTime: time, leaseTransitions: (before.leaseTransitions ?? 0) + 1 },
  };
}

/** Nobody's, for whoever comes first. The API server wants a duration of at least a second. */
export const released = (lease: LiveObject, now: Instant): LiveObject => ({
  ...lease,
  spec: { ...specOf(lease), holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime(now) },
});

const spec = ({ identity, durationMs }: LeaseHolding): LeaseSpec => ({
  holderIdentity: identity,
  leaseDurationSeconds: durationMs / 1_000,
});

/** For people and other clients; ours never compares it with a clock. */
const microTime = (now: Instant): string => new Date(now).toISOString().replace("Z", "000Z");
