import type { LiveObject, WatchEvent } from "../../ports/cluster-api.ts";
import type { Faults } from "./faults.ts";
import type { MemoryKind } from "./kinds.ts";
import type { Change, ObjectStore } from "./object-store.ts";

export interface WatchRequest {
  readonly store: ObjectStore;
  readonly faults: Faults;
  readonly kind: MemoryKind;
  readonly labelSelector: string;
  readonly signal: AbortSignal;
}

/** Lists, then follows the store's history; a place that the history has forgotten is answered by a new list. */
export async function* watchObjects(request: WatchRequest): AsyncGenerator<WatchEvent, void, void> {
  const { store, faults, kind, labelSelector, signal } = request;
  const matches = labelMatcher(labelSelector);
  const wake = wakeUp(request);
  let place: number | null = null;
  try {
    while (!signal.aborted) {
      // A kind that is gone ends the watch; what else was switched on does too.
      store.kind(kind.apiVersion, kind.kind);
      if (!faults.isUnavailable) {
        await faults.pass({ verb: "watch", kind: kind.kind, plural: kind.plural, namespace: "", name: "" }, signal);
        const changes = place === null ? "gone" : store.changesAfter(place);
        if (changes === "gone") {
          place = store.version;
          yield {
            kind: "listed",
            objects: store
              .all(kind)
              .filter(matches)
              .map((object) => structuredClone(object)),
          };
          continue;
        }
        for (const change of changes) {
          place = change.version;
          const event = isOfKind(change, kind) ? eventOf(change, matches) : null;
          if (event) yield event;
          if (signal.aborted) return;
        }
      }
      await wake.next(place ?? -1);
    }
  } finally {
    wake.stop();
  }
}

const isOfKind = (change: Change, kind: MemoryKind): boolean =>
  change.kind.kind === kind.kind && change.kind.apiVersion === kind.apiVersion;

/** An object that no longer matches is as good as deleted to this watch. */
function eventOf(change: Change, matches: (object: LiveObject) => boolean): WatchEvent | null {
  const isIn = change.type === "changed" && matches(change.object);
  if (isIn) return { kind: "changed", object: structuredClone(change.object) };
  if (!change.previous || !matches(change.previous)) return null;
  return { kind: "deleted", object: structuredClone(change.object) };
}

/** Ends a wait when the store, a fault or the signal changes, also when that was just before the wait began. */
function wakeUp({ store, faults, signal }: WatchRequest) {
  let wake: () => void = () => {};
  let hasFaultChanged = false;
  const onChange = () => wake();
  const onFault = () => {
    hasFaultChanged = true;
    wake();
  };
  const unsubscribe = store.subscribe(onChange);
  const unlisten = faults.onChange(onFault);
  signal.addEventListener("abort", onChange, { once: true });
  return {
    async next(place: number): Promise<void> {
      const isBehind = store.version > place && !faults.isUnavailable;
      if (!isBehind && !hasFaultChanged && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      hasFaultChanged = false;
    },
    stop() {
      unsubscribe();
      unlisten();
      signal.removeEventListener("abort", onChange);
    },
  };
}

/** `key=value` and `key`, joined by commas. */
export function labelMatcher(selector: string): (object: LiveObject) => boolean {
  const wanted = selector
    .split(",")
    .filter((term) => term !== "")
    .map((term) => term.split(/==?/) as [string, string?]);
  return ({ metadata: { labels = {} } }) =>
    wanted.every(([key, value]) => (value === undefined ? key in labels : labels[key] === value));
}
