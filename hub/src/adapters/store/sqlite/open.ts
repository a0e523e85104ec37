import type { Clock } from "@muster/shared/clock.ts";
import type { Store } from "../../../ports/store.ts";
import { createBlobs } from "./blobs.ts";
import { connect } from "./connection.ts";
import { createDocuments } from "./documents.ts";
import { createJournal } from "./journal.ts";
import { createLeases } from "./leases.ts";

/**
 * The embedded store: one SQLite file (WAL, synchronous=FULL for what must survive), owned by a worker thread.
 * `file` may be ":memory:".
 * @throws AppError "conflict" (another process owns it), "unsupported" (a newer schema), "corrupt" (damaged: it is left
 * as it is), "unavailable" (cannot be opened or created).
 */
export async function openSqliteStore(opts: { file: string; clock: Clock }): Promise<Store> {
  const connection = await connect(opts.file);
  return {
    documents: createDocuments(connection),
    blobs: createBlobs(connection, opts.clock),
    journal: createJournal(connection),
    leases: createLeases(connection, opts.clock),
    close: () => connection.close(),
  };
}
