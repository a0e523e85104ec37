import { backoff } from "@muster/shared/backoff.ts";
import { type Clock, cancelled } from "@muster/shared/clock.ts";
import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";
import type { KeySet, SignedKeySet } from "@muster/shared/model/session.ts";
import { parseJoinToken } from "@muster/shared/trust/tokens.ts";
import type { IdentityStore, Membership, StoredIdentity } from "../ports/identity-store.ts";
import type { HubEnrolment, KeyMaker } from "../ports/joining.ts";
import { askToJoin, askToRenew, checkMembership } from "./ask-for-membership.ts";

/**
 * Who this agent is, from its first start to its last certificate.
 *
 * States: nothing → a key, stored → joined (a membership, stored) → renewed at two thirds of every certificate's life.
 * Each answer is stored before it is used. A membership that is stored is enough to start with, expired or not and
 * hub or not: an expired certificate is renewed as soon as the hub is back. Nothing here gives up: what was refused is
 * asked again, slowly, because a person may mend it on the other side.
 */

/** What the link and the flows need to know. */
export interface Identity extends Membership {
  readonly privateKey: string;
  readonly clusterUid: string;
  /** `keySets`, decoded; verified from the root on. The last one is in force. */
  readonly chain: readonly KeySet[];
}

export interface AgentIdentity {
  current(): Identity;
  /** Calls back after each renewal; returns the way to stop. The next connection uses what `current` gives. */
  onChanged(callback: (identity: Identity) => void): () => void;
  /** Stores a successor that the caller verified (`followKeySet`). */
  keepKeySet(signed: SignedKeySet): Promise<void>;
  /**
   * The hub did not accept the certificate, or its link is not where it was (a renewal tells the endpoints): renew now
   * rather than at two thirds. At most once in five minutes.
   */
  renewSoon(): void;
}

export interface KeepIdentityOptions {
  readonly hub: HubEnrolment;
  readonly store: IdentityStore;
  readonly keys: KeyMaker;
  /** UID of `kube-system` (ClusterApi.clusterUid). */
  readonly clusterUid: () => Promise<string>;
  readonly caHash: KeyHash;
  /** As it was configured; may stay configured after it was used. Null: this agent has joined before. */
  readonly joinToken: string | null;
  readonly clock: Clock;
  /** Cryptographically random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** `[0, 1)`, for jitter. */
  readonly chance: () => number;
  readonly log: Log;
}

const RENEW_TRIES_APART = { initialMs: 5_000, maxMs: 5 * 60_000 };
const JOIN_TRIES_APART = { initialMs: 1_000, maxMs: 60_000 };
const LOOK_AGAIN_MS = 10 * 60_000;
const RENEW_SOON_APART_MS = 5 * 60_000;

/**
 * Resolves as soon as there is a membership; renews in the background until `signal` aborts.
 * @throws AppError "forbidden" (the stored identity is another cluster's or another hub's, and no new token was
 * given), "invalid" (neither identity nor token, or no such token), "corrupt" (the stored identity), "cancelled".
 */
export async function keepIdentity(
  opts: KeepIdentityOptions,
  { signal }: { signal: AbortSignal },
): Promise<AgentIdentity> {
  const { clock, store, log } = opts;
  const listeners = new Set<(identity: Identity) => void>();

  let identity = toIdentity(await arrive(opts, signal), opts.caHash);
  log.info(
    { cluster: identity.clusterId, name: identity.clusterName, notAfter: identity.notAfter },
    "identity in force",
  );

  // Writes of this process, one after the other: a renewal and a key set must not lose each other.
  let writing: Promise<unknown> = Promise.resolve();
  const change = (next: (current: Membership) => Membership): Promise<void> => {
    const run = writing.then(async () => {
      const { privateKey, clusterUid, chain: _, ...membership } = identity;
      const wanted: StoredIdentity = { privateKey, clusterUid, membership: next(membership) };
      identity = toIdentity(await saveOrAdopt(store, wanted), opts.caHash);
      for (const listener of listeners) listener(identity);
    });
    writing = run.catch(() => {});
    return run;
  };

  let wake = new AbortController();
  let isAsked = false;
  let askedAt = Number.NEGATIVE_INFINITY;

  const renewals = async (): Promise<void> => {
    const apart = backoff({ ...RENEW_TRIES_APART, random: opts.chance });
    const spread = opts.chance();
    while (!signal.aborted) {
      const dueInMs = isAsked ? 0 : renewalAt(identity, spread) - clock.now();
      if (dueInMs > 0) {
        await sleepUntilWoken(clock, Math.min(dueInMs, LOOK_AGAIN_MS), signal, wake.signal);
        if (wake.signal.aborted) wake = new AbortController();
        continue;
      }
      try {
        const grant = await askToRenew(opts, identity, signal);
        await change((current) => ({ ...current, ...grant }));
        isAsked = false;
        apart.reset();
        log.info({ cluster: identity.clusterId, notAfter: identity.notAfter }, "certificate renewed");
      } catch (error) {
        if (signal.aborted) return;
        const isExpired = identity.notAfter <= clock.now();
        log.warn({ ...told(error), attempt: apart.attempts + 1, isExpired }, "certificate not renewed; will try again");
        isAsked = false;
        await clock.sleep(apart.next() + RENEW_TRIES_APART.initialMs, signal);
      }
    }
  };
  renewals().catch((error) => {
    if (!isAppError(error, "cancelled")) throw error;
  });

  return {
    current: () => identity,
    onChanged(callback) {
      listeners.add(callback);
      return () => listeners.delete(callback);
    },
    keepKeySet: (signed) => change((current) => ({ ...current, keySets: [...current.keySets, signed] })),
    renewSoon() {
      if (clock.now() - askedAt < RENEW_SOON_APART_MS) return;
      askedAt = clock.now();
      isAsked = true;
      wake.abort();
    },
  };
}

/** Loads the identity, or makes one and joins. */
async function arrive(opts: KeepIdentityOptions, signal: AbortSignal): Promise<StoredIdentity> {
  const { log, store } = opts;
  const token = opts.joinToken === null ? null : parseJoinToken(opts.joinToken);
  const clusterUid = await onceReachable(opts, () => opts.clusterUid(), signal);
  let stored = await onceReachable(opts, () => store.load(), signal);
  const hasNewToken = token !== null && stored?.membership?.tokenId !== token.id;

  const foreign = stored === null ? null : whyForeign(stored, clusterUid, opts.caHash);
  if (foreign !== null) {
    if (!hasNewToken) throw foreign;
    log.warn(told(foreign), "the stored identity does not belong here; joining anew");
    stored = null;
  }
  if (stored?.membership && !hasNewToken) return stored;
  if (token === null) {
    throw new AppError("invalid", "this agent has not joined a hub yet, and no join token is configured.", {
      fix: "Set join.token to what this prints: muster cluster register NAME",
    });
  }
  if (stored === null) {
    // The key is stored before it is used: a pod that dies halfway comes back with the key its token was used by.
    const fresh = { privateKey: await opts.keys.createKey(), clusterUid, membership: null };
    stored = await saveOrAdopt(store, fresh);
  }

  const apart = backoff({ ...JOIN_TRIES_APART, random: opts.chance });
  for (;;) {
    signal.throwIfAborted();
    try {
      const membership = await askToJoin(opts, { token, privateKey: stored.privateKey, clusterUid }, signal);
      return await saveOrAdopt(store, { ...stored, membership });
    } catch (error) {
      if (signal.aborted) throw cancelled("joining", error);
      if (stored.membership !== null && !isAppError(error, "unavailable")) {
        log.warn(told(error), "the new join token was not accepted; going on with the identity there is");
        return stored;
      }
      log.warn({ ...told(error), attempt: apart.attempts + 1 }, "cannot join; will try again");
      await opts.clock.sleep(apart.next() + JOIN_TRIES_APART.initialMs, signal);
    }
  }
}

/** An API server that restarts together with the agent is no reason to end. */
async function onceReachable<T>(
  opts: Pick<KeepIdentityOptions, "clock" | "chance" | "log">,
  ask: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const apart = backoff({ ...JOIN_TRIES_APART, random: opts.chance });
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isAppError(error, "unavailable")) throw error;
      opts.log.warn({ ...told(error), attempt: apart.attempts + 1 }, "no contact with this cluster; will try again");
      await opts.clock.sleep(apart.next(), signal);
    }
  }
}

function whyForeign(stored: StoredIdentity, clusterUid: string, caHash: KeyHash): AppError | null {
  const fix = "Join this cluster with a token of its own: muster cluster register NAME";
  if (stored.clusterUid !== clusterUid) {
    const message = `the stored identity was made in the cluster with kube-system ${stored.clusterUid}, and this one is ${clusterUid}: an identity belongs to one cluster.`;
    return new AppError("forbidden", message, { fix });
  }
  if (stored.membership !== null && stored.membership.caHash !== caHash) {
    const message = `this agent joined the hub with the CA ${stored.membership.caHash}, and is configured for ${caHash}.`;
    return new AppError("forbidden", message, { fix });
  }
  return null;
}

/** Saves; if another pod wrote first, its identity is taken: it is of the same cluster, and as good. */
async function saveOrAdopt(store: IdentityStore, wanted: StoredIdentity): Promise<StoredIdentity> {
  for (let attempt = 1; ; attempt++) {
    try {
      await store.save(wanted);
      return wanted;
    } catch (error) {
      if (!isAppError(error, "conflict") || attempt > 5) throw error;
      const theirs = await store.load();
      const isTheirsNewer = (theirs?.membership?.notAfter ?? 0) >= (wanted.membership?.notAfter ?? 0);
      const isSameKey = theirs?.privateKey === wanted.privateKey;
      if (theirs !== null && theirs.clusterUid === wanted.clusterUid && (isTheirsNewer || !isSameKey)) return theirs;
    }
  }
}

function toIdentity(stored: StoredIdentity, caHash: KeyHash): Identity {
  const { privateKey, clusterUid, membership } = stored;
  if (membership === null) throw new AppError("corrupt", "the stored identity lost its membership");
  return { privateKey, clusterUid, ...membership, chain: checkMembership(stored, membership, caHash) };
}

/** Two thirds of the certificate's life, a twentieth of it earlier or later, so that a fleet does not renew as one. */
export function renewalAt(certificate: { notBefore: number; notAfter: number }, spread: number): number {
  const lifeMs = certificate.notAfter - certificate.notBefore;
  return certificate.notBefore + lifeMs * (2 / 3 + (spread - 0.5) / 10);
}

/** Sleeps until the time is over or `woken` aborts; throws when `signal` does. */
async function sleepUntilWoken(clock: Clock, ms: number, signal: AbortSignal, woken: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, AbortSignal.any([signal, woken]));
  } catch (error) {
    if (signal.aborted || !woken.aborted) throw error;
  }
}

const told = (error: unknown) =>
  isAppError(error)
    ? { code: error.code, reason: error.message, ...(error.fix === undefined ? {} : { fix: error.fix }) }
    : { err: error, reason: messageOf(error) };
