import type { ClusterId } from "@muster/shared/model/ids.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openSqliteStore } from "../adapters/store/sqlite/open.ts";
import { registerCluster, revokeCluster } from "../core/cluster-record.ts";
import type { Store } from "../ports/store.ts";
import { sha } from "../testing/facts.ts";
import { createClusterRecords } from "./cluster-records.ts";

const by = { kind: "person" as const, name: "ada", from: null };
const id = "c-1" as ClusterId;
const record = registerCluster({
  id,
  name: "eu-1",
  labels: {},
  token: { id: "0123456789abcdef", hash: sha("a") },
  now: 1,
  by,
});

let store: Store;
beforeEach(async () => {
  store = await openSqliteStore({ file: ":memory:", clock: systemClock });
});
afterEach(() => store.close());

it("frees the name of a record that is removed", async () => {
  const records = createClusterRecords(store.documents);
  await records.claimName("eu-1", id);
  await records.create(revokeCluster(record, { now: 2, by }));
  expect(await records.remove(id, ({ revoked }) => revoked !== null)).toBe(true);
  expect(await records.claimName("eu-1", "c-2" as ClusterId)).toBe("c-2");
});

it("leaves the name to whoever registered it again while the old record was being removed", async () => {
  const other = createClusterRecords(store.documents);
  const records = createClusterRecords({
    ...store.documents,
    async delete(key, opts) {
      await store.documents.delete(key, opts);
      // The other one had looked the name up before: it leads to the id that is just going.
      if (key.collection === "clusters") await other.create(record);
    },
  });
  await records.claimName("eu-1", id);
  await records.create(revokeCluster(record, { now: 2, by }));
  expect(await records.remove(id, () => true)).toBe(false);
  expect(await records.claimName("eu-1", "c-2" as ClusterId)).toBe(id);
  expect(await records.byName("eu-1")).toMatchObject({ id, revoked: null });
});
