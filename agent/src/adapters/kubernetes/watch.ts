import { backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { LiveObject, ResourceKind, WatchEvent } from "../../ports/cluster-api.ts";
import { ApiRefusal, type ApiStatus, isGone, refusalOf } from "./errors.ts";
import { readJsonLines } from "./json-lines.ts";
import { listAll } from "./list.ts";
import { collectionPath, query } from "./object-path.ts";
import type { Transport } from "./transport.ts";

export interface WatchOptions {
  readonly transport: Transport;
  readonly kind: ResourceKind;
  readonly labelSelector: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly listTimeoutMs: number;
  /** The API server sends a bookmark about once a minute: a longer silence means that nobody is there any more. */
  readonly silenceMsMax: number;
}

/** An object is at most 3 MiB on the wire; this leaves room for what conversion adds. */
const EVENT_BYTES_MAX = 16 * 1024 * 1024;
/** The server ends each watch after five to ten minutes, spread, so that watches move on to new API servers. */
const watchSeconds = (random: () => number) => 300 + Math.floor(random() * 300);

interface RawEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: LiveObject & ApiStatus;
}

/**
 * List, then watch from there. States: *nowhere* (no resource version: list) and *at a version* (watch from it). A cut
 * connection, a silence or the server's own end keep the version; 410 Gone loses it. What waiting cannot mend
 * (forbidden, no such kind) is thrown; everything else is retried for ever with jittered backoff.
 */
export async function* watchKind(options: WatchOptions): AsyncGenerator<WatchEvent, void, void> {
  const { transport, kind, labelSelector, signal, clock, random, log } = options;
  const delays = backoff({ initialMs: 250, maxMs: 30_000, random });
  const place: { version: string | null } = { version: null };

  while (!signal.aborted) {
    try {
      if (place.version === null) {
        const timeoutMs = options.listTimeoutMs;
        const listed = await listAll(transport, { kind, labelSelector, timeoutMs, signal });
        place.version = listed.resourceVersion;
        yield { kind: "listed", objects: listed.objects };
      }
      for await (const event of watchFrom(options, place)) {
        delays.reset();
        if (event) yield event;
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiRefusal && error.status === 404) throw kindGone(kind, error);
      if (isLasting(error)) throw error;
      if (isGone(error)) place.version = null;
      log.debug({ kind: kind.plural, reason: messageOf(error), relists: place.version === null }, "watch interrupted");
    }
    if (signal.aborted) return;
    await clock.sleep(delays.next(), signal).catch(() => {});
  }
}

/** Null for a bookmark: a sign of life that nobody needs to see. */
async function* watchFrom(
  options: WatchOptions,
  place: { version: string | null },
): AsyncGenerator<WatchEvent | null, void, void> {
  const { transport, kind, labelSelector, signal, random, silenceMsMax } = options;
  const parameters = query({
    watch: true,
    labelSelector,
    resourceVersion: place.version ?? undefined,
    allowWatchBookmarks: true,
    timeoutSeconds: watchSeconds(random),
  });
  const subject = `watch of ${kind.plural}`;
  const body = await transport.stream({ path: collectionPath(kind, "") + parameters, subject, signal, silenceMsMax });
  for await (const line of readJsonLines(body, { lineBytesMax: EVENT_BYTES_MAX })) {
    const { type, object } = line as RawEvent;
    if (type === "ERROR") throw refusalOf(object.code ?? 500, object, subject);
    place.version = object.metadata.resourceVersion;
    if (type === "BOOKMARK") yield null;
    else yield { kind: type === "DELETED" ? "deleted" : "changed", object };
  }
}

/** Waiting does not give a right or a kind. Credentials do come back: a token rotates, a plug-in succeeds again. */
const isLasting = (error: unknown): boolean =>
  error instanceof AppError && ["forbidden", "unsupported", "invalid"].includes(error.code);

const kindGone = ({ kind, apiVersion }: ResourceKind, cause: unknown): AppError =>
  new AppError("unsupported", `the cluster has no kind ${kind} in ${apiVersion} any more`, { cause });
