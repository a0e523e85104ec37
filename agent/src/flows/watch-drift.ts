import { backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import { groupOf, type ObjectRef, objectKey } from "@muster/shared/model/object-ref.ts";
import { judgeHealth } from "../core/health/judge.ts";
import type { Judgement } from "../core/health/verdict.ts";
import { isOlderVersion } from "../core/live.ts";
import { ownershipFingerprint } from "../core/managed-fields.ts";
import { APP_ANNOTATION, OWNER_LABEL, PRUNE_ANNOTATION } from "../core/ownership.ts";
import type { ClusterApi, LiveObject, ResourceKind } from "../ports/cluster-api.ts";

/** What is kept of a live object: enough to judge health and to notice drift, not the object. */
export interface LiveSummary {
  readonly ref: ObjectRef;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly ownerHash: string;
  readonly app: string | undefined;
  readonly prune: string | undefined;
  /** Of what we own in it; null where the API server keeps no record of that. */
  readonly fingerprint: string | null;
  readonly health: Judgement;
}

export interface LiveWatch {
  /**
   * Starts a watch for each kind that has none, and ends those of kinds that are not named. Of a kind that is watched
   * already the API version may change: it counts from the next time that the watch is begun anew.
   */
  watchKinds(kinds: readonly ResourceKind[]): void;
  /** By `objectKey`. Not finding one says nothing about whether it exists. */
  find(key: string): LiveSummary | undefined;
  /** Learns from an answer of the API server, sooner than the watch tells. */
  learn(object: LiveObject): LiveSummary;
  /** Ends every watch and waits for them. */
  stop(): Promise<void>;
}

/**
 * One watch for each kind that Muster applied something of, over everything that carries an owner label. Tells
 * `onChange` which object of which owner changed; what that means is the reconciler's business.
 */
export function createLiveWatch(deps: {
  readonly cluster: ClusterApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** Whether an App of this agent has this owner label. What others own is not kept. */
  readonly isOurs: (ownerHash: string) => boolean;
  /** `ownerHash` is the label's value now, or the last one known of an object that is gone or lost its label. */
  readonly onChange: (change: { ownerHash: string; key: string; live: LiveSummary | null }) => void;
}): LiveWatch {
  const { cluster, clock, log } = deps;
  const live = new Map<string, LiveSummary>();
  const watches = new Map<string, { kind: ResourceKind; readonly stop: AbortController; ended: Promise<void> }>();

  /** Takes in what is not older than what is known; answers what was shown, not what is known. */
  const put = (object: LiveObject): LiveSummary => {
    const summary = summaryOf(object, clock.now());
    const key = objectKey(summary.ref);
    const known = live.get(key);
    const isOlder = known?.uid === summary.uid && isOlderVersion(summary.resourceVersion, known.resourceVersion);
    if (!isOlder) live.set(key, summary);
    return summary;
  };
  const changed = (object: LiveObject): void => {
    const key = keyOf(object);
    const before = live.get(key);
    if (before === undefined && !deps.isOurs(object.metadata.labels?.[OWNER_LABEL] ?? "")) return;
    const summary = put(object);
    if (live.get(key) !== summary || summary.resourceVersion === before?.resourceVersion) return;
    deps.onChange({ ownerHash: summary.ownerHash, key, live: summary });
    if (before !== undefined && before.ownerHash !== summary.ownerHash) {
      deps.onChange({ ownerHash: before.ownerHash, key, live: null });
    }
  };
  const gone = (key: string): void => {
    const before = live.get(key);
    if (before === undefined || !live.delete(key)) return;
    deps.onChange({ ownerHash: before.ownerHash, key, live: null });
  };

  const watchKind = async (watch: { readonly kind: ResourceKind }, signal: AbortSignal): Promise<void> => {
    const wait = backoff({ initialMs: 500, maxMs: 30_000, random: deps.random });
    const prefix = `${groupOf(watch.kind.apiVersion)}/${watch.kind.kind}/`;
    while (!signal.aborted) {
      const { kind } = watch;
      try {
        for await (const event of cluster.watch(kind, { labelSelector: OWNER_LABEL, signal })) {
          // Who may list and not watch gets this far every time.
          if (event.kind !== "listed") wait.reset();
          if (event.kind === "changed") changed(event.object);
          else if (event.kind === "deleted") {
            const known = live.get(keyOf(event.object));
            // A later object under the same name is not the one that this event is about.
            if (known === undefined || known.uid === event.object.metadata.uid) gone(keyOf(event.object));
          } else {
            const listed = new Set(event.objects.map(keyOf));
            for (const key of [...live.keys()]) if (key.startsWith(prefix) && !listed.has(key)) gone(key);
            for (const object of event.objects) changed(object);
          }
        }
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ kind: kind.kind, err: error }, "watch broke off");
      }
      if (!signal.aborted) await clock.sleep(wait.next(), signal).catch(() => {});
    }
  };

  return {
    watchKinds(kinds) {
      const wanted = new Map(kinds.map((kind) => [`${groupOf(kind.apiVersion)}/${kind.kind}`, kind]));
      for (const [key, watch] of watches) {
        if (wanted.has(key)) continue;
        watch.stop.abort();
        watches.delete(key);
        for (const known of [...live.keys()]) if (known.startsWith(`${key}/`)) live.delete(known);
      }
      for (const [key, kind] of wanted) {
        const known = watches.get(key);
        if (known) {
          known.kind = kind;
          continue;
        }
        const stop = new AbortController();
        const watch = { kind, stop, ended: Promise.resolve() };
        watch.ended = watchKind(watch, stop.signal);
        watches.set(key, watch);
      }
    },
    find: (key) => live.get(key),
    learn: put,
    async stop() {
      for (const { stop } of watches.values()) stop.abort();
      await Promise.allSettled([...watches.values()].map(({ ended }) => ended));
      watches.clear();
      live.clear();
    },
  };
}

const refOf = (object: LiveObject): ObjectRef => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  namespace: object.metadata.namespace ?? "",
  name: object.metadata.name,
});
const keyOf = (object: LiveObject): string => objectKey(refOf(object));

function summaryOf(object: LiveObject, now: number): LiveSummary {
  const { metadata } = object;
  return {
    ref: refOf(object),
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    ownerHash: metadata.labels?.[OWNER_LABEL] ?? "",
    app: metadata.annotations?.[APP_ANNOTATION],
    prune: metadata.annotations?.[PRUNE_ANNOTATION],
    fingerprint: ownershipFingerprint(object),
    health: judgeHealth(object, now),
  };
}
