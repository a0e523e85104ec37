import { AppError } from "@muster/shared/errors.ts";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Documents, Store } from "../ports/store.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 5_000, interval: 5 };

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
});
afterEach(() => fixture.close());

/** A store that takes no report details of these clusters. */
function refusing(clusters: ReadonlySet<string>): (store: Store) => Store {
  return (store) => {
    const documents: Documents = {
      get: (key) => store.documents.get(key),
      put: (key, value, opts) =>
        key.collection === "report-details" && clusters.has(key.key.split("/")[0] ?? "")
          ? Promise.reject(new AppError("too-large", "300000 bytes; 262144 are the most"))
          : store.documents.put(key, value, opts),
      delete: (key, opts) => store.documents.delete(key, opts),
      list: (collection, opts) => store.documents.list(collection, opts),
      watch: (collection, opts) => store.documents.watch(collection, opts),
    };
    return { ...store, documents, close: () => store.close() };
  };
}

it("drops a report that can never be stored, and keeps those of every other cluster", async () => {
  const refused = new Set<string>();
  await fixture.startHub({ wrap: refusing(refused) });
  fixture.push({ "apps/shop/web.yaml": "Deployment web v1" });
  const [bad, good] = [await fixture.addCluster("eu-1"), await fixture.addCluster("eu-2")];
  refused.add(bad.cluster);
  for (const agent of [bad, good]) await agent.connect(fixture.hub.gate);
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  await vi.waitFor(async () => {
    const { placements } = await fixture.hub.queries.app(shop);
    expect(placements.map(({ cluster, observed }) => [cluster, observed?.health])).toEqual([
      ["eu-1", "Healthy"],
      ["eu-2", "Healthy"],
    ]);
  }, soon);
  expect([bad.refusal, good.refusal]).toEqual([null, null]);
});
