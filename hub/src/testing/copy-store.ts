import { systemClock } from "@muster/shared/system-clock.ts";
import { openSqliteStore } from "../adapters/store/sqlite/open.ts";
import type { Store } from "../ports/store.ts";

const COLLECTIONS = [
  "meta",
  "hub",
  "definitions",
  "source-status",
  "clusters",
  "cluster-names",
  "join-tokens",
  "presence",
  "operations",
  "intents",
  "releases",
  "assigned",
  "observed",
  "report-details",
  "approvals",
  "approval-pairs",
];

/** What a backup holds: every document and bundle as of now, in a store of its own. */
export async function copyStore(from: Store): Promise<Store> {
  const to = await openSqliteStore({ file: ":memory:", clock: systemClock });
  for (const collection of COLLECTIONS) {
    for (const { key, value } of await from.documents.list(collection)) {
      await to.documents.put({ collection, key }, value, { ifVersion: null });
    }
  }
  for await (const { name } of from.blobs.list()) {
    const bytes = await from.blobs.get(name);
    if (bytes) await to.blobs.put(name, bytes);
  }
  return to;
}
