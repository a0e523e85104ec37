import type { DocumentChange } from "../../../ports/store.ts";
import type { Connection } from "./connection.ts";
import { toDocument } from "./documents.ts";
import type { Change, Row } from "./protocol.ts";

/** Documents that may wait, as their last change, for a slow reader; beyond it the reader begins anew. */
const WAITING_MAX = 50_000;

/** Snapshot, `caught-up`, then changes: see `Documents.watch`. */
export async function* watchCollection(
  connection: Connection,
  collection: string,
  signal: AbortSignal,
): AsyncGenerator<DocumentChange> {
  const waiting = new Map<string, Change>();
  let isCompacted = false;
  let wake: () => void = () => {};
  const stopListening = connection.onChange((changes) => {
    for (const change of changes) {
      if (change.collection !== collection) continue;
      // Deleted and set again, so that the order of delivery is the order of the last changes.
      waiting.delete(change.key);
      if (!isCompacted) waiting.set(change.key, change);
    }
    if (waiting.size > WAITING_MAX) {
      isCompacted = true;
      waiting.clear();
    }
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort);

  try {
    while (!signal.aborted) {
      isCompacted = false;
      const snapshot = await connection.run<{ rows: readonly Row[]; version: number }>({
        op: "list",
        collection,
        prefix: "",
      });
      for (const row of snapshot.rows) yield { kind: "put", document: toDocument(row) };
      yield { kind: "caught-up" };

      while (!signal.aborted && !isCompacted) {
        if (waiting.size === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const [change] = waiting.values();
        if (change === undefined) continue;
        waiting.delete(change.key);
        // Older than the snapshot: already in it.
        if (change.version <= snapshot.version) continue;
        yield change.text === null
          ? { kind: "delete", key: change.key, version: change.version }
          : { kind: "put", document: toDocument({ ...change, text: change.text }) };
      }
      if (isCompacted && !signal.aborted) yield { kind: "compacted" };
    }
  } finally {
    stopListening();
    signal.removeEventListener("abort", onAbort);
  }
}
