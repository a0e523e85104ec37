import { backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import { cancelled } from "@muster/shared/clock.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import type { Owner } from "../core/ownership.ts";
import type { AgentState } from "../ports/agent-state.ts";
import type { BundleOpener, OpenedBundle } from "../ports/bundle-opener.ts";
import type { HubSession } from "../ports/hub-link.ts";
import type { Aside } from "./keyed-queue.ts";
import { createLimit, type Limit } from "./limited.ts";

/** Where the present session is, if there is one. */
export interface SessionSlot {
  readonly current: Pick<HubSession, "fetchBundle"> | null;
  /** Resolves at the next session. @throws AppError "cancelled". */
  next(signal: AbortSignal): Promise<void>;
}

export interface BundleWanted {
  readonly digest: Digest;
  /** Of the canonical form, as the assignment says. */
  readonly bytes: number;
  readonly owner: Owner;
}

export interface BundleSource {
  /**
   * The bundle, from memory, the cluster or the hub, whichever has it; waits for the hub, `aside`, if need be.
   * @throws AppError "corrupt" (not what the digest names), "too-large", "forbidden", "not-found", "cancelled".
   */
  get(wanted: BundleWanted, opts: { readonly signal: AbortSignal; readonly aside: Aside }): Promise<OpenedBundle>;
  /** Stores what was downloaded, so that a restarted agent needs no hub. Bytes that are stored already are not again. */
  store(digest: Digest): Promise<void>;
  /** The cluster holds no other bundles any more: one that is wanted again is downloaded, so that it can be stored. */
  keep(digests: ReadonlySet<Digest>): void;
}

/** The largest canonical form that is taken. */
const bundleBytesMax = 64 * 1024 * 1024;
/** Opened bundles and downloaded bytes that are kept in memory. */
const cacheBytesMax = 24 * 1024 * 1024;

/** Streams from the hub at once; a wait for the hub, or after a failure, is none. */
const downloadsAtOnce = 8;

export function createBundleSource(deps: {
  readonly state: AgentState;
  readonly opener: BundleOpener;
  readonly session: SessionSlot;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
}): BundleSource {
  const { state, opener, log } = deps;
  const limit = createLimit(downloadsAtOnce);
  // Least recently used first, as a Map keeps its order.
  const opened = new Map<string, OpenedBundle>();
  const unstored = new Map<Digest, Uint8Array>();
  let openedBytes = 0;

  const remember = (key: string, bundle: OpenedBundle): void => {
    openedBytes += bundle.bytes;
    opened.set(key, bundle);
    for (const [oldest, old] of opened) {
      if (openedBytes <= cacheBytesMax || oldest === key) break;
      opened.delete(oldest);
      openedBytes -= old.bytes;
    }
  };

  return {
    async get({ digest, bytes, owner }, { signal, aside }) {
      const key = `${digest}/${owner.hash}`;
      const known = opened.get(key);
      if (known) {
        opened.delete(key);
        opened.set(key, known);
        return known;
      }
      if (bytes > bundleBytesMax) {
        throw new AppError("too-large", `The bundle has ${bytes} bytes; ${bundleBytesMax} is the most.`, {
          fix: "Split the App into several.",
        });
      }
      const open = (compressed: Uint8Array) =>
        opener.open(compressed, { digest, owner, bytesMax: Math.min(bundleBytesMax, bytes + 64) });
      const stored = unstored.get(digest) ?? (await state.getBundle(digest));
      if (stored) {
        try {
          const bundle = await open(stored);
          remember(key, bundle);
          return bundle;
        } catch (error) {
          if (!isAppError(error, "corrupt")) throw error;
          log.warn({ digest, err: error }, "the stored bundle is damaged; it is fetched anew");
        }
      }
      const wanted = { digest, bytesMax: bytes + 64 * 1024, signal };
      const compressed = await aside(() => download({ ...deps, limit }, wanted));
      const bundle = await open(compressed);
      remember(key, bundle);
      unstored.set(digest, compressed);
      let waiting = 0;
      for (const held of unstored.values()) waiting += held.byteLength;
      for (const [oldest, held] of unstored) {
        if (waiting <= cacheBytesMax || oldest === digest) break;
        // It can be fetched again; the agent's memory cannot.
        unstored.delete(oldest);
        waiting -= held.byteLength;
      }
      return bundle;
    },
    async store(digest) {
      const compressed = unstored.get(digest);
      if (compressed === undefined) return;
      await state.putBundle(digest, compressed);
      unstored.delete(digest);
    },
    keep(digests) {
      for (const [key, bundle] of opened) {
        if (digests.has(key.slice(0, key.lastIndexOf("/")) as Digest)) continue;
        opened.delete(key);
        openedBytes -= bundle.bytes;
      }
    },
  };
}

/** Goes on after every cut where it stopped, for as long as somebody wants the bundle. */
async function download(
  deps: { session: SessionSlot; clock: Clock; log: Log; random: () => number; limit: Limit },
  wanted: { digest: Digest; bytesMax: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const { digest, bytesMax, signal } = wanted;
  const wait = backoff({ initialMs: 200, maxMs: 15_000, random: deps.random });
  const chunks: Uint8Array[] = [];
  let received = 0;
  for (;;) {
    if (signal.aborted) throw cancelled(`fetch of ${digest}`, signal.reason);
    const session = deps.session.current;
    if (session === null) {
      await deps.session.next(signal);
      continue;
    }
    try {
      await deps.limit(async () => {
        for await (const chunk of session.fetchBundle(digest, { offset: received, signal })) {
          received += chunk.byteLength;
          if (received > bytesMax) {
            throw new AppError("too-large", `The hub sent more than ${bytesMax} bytes for the bundle ${digest}.`);
          }
          chunks.push(chunk);
          wait.reset();
        }
      }, signal);
      return Buffer.concat(chunks);
    } catch (error) {
      if (signal.aborted) throw cancelled(`fetch of ${digest}`, signal.reason);
      if (!isAppError(error, "unavailable") && !isAppError(error, "cancelled")) throw error;
      deps.log.info({ digest, received, err: error }, "bundle download broke off; goes on from there");
      await deps.clock.sleep(wait.next(), signal);
    }
  }
}
