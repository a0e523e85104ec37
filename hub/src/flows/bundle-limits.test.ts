import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createWorkerBundler } from "../adapters/bundle/worker-bundler.ts";
import { BUNDLE_LIMITS, type BundleLimits, type Bundler } from "../ports/bundler.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 10_000, interval: 10 };
const configMap = (name: string, value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { value: "${value}" }\n`;

let fixture: HubFixture;
let bundler: Bundler;
beforeEach(async () => {
  fixture = await HubFixture.create();
  bundler = createWorkerBundler({ workers: 1 });
});
afterEach(async () => {
  await fixture.close();
  await bundler.close();
});

it.each<[string, Partial<BundleLimits>, RegExp]>([
  ["objects", { objectsMax: 2 }, /^this folder defines more than 2 objects, .* 1 of ConfigMap in apps\/shop\/a\.yaml/],
  ["bytes", { bundleBytesMax: 1_500 }, /The largest: ConfigMap big \(.*, apps\/shop\/big\.yaml\), ConfigMap/],
])(
  "refuses a commit beyond the %s that the hub is told, naming the largest, and keeps what runs",
  async (_what, limits, message) => {
    await fixture.startHub({ over: { bundler, bundleLimits: { ...BUNDLE_LIMITS, ...limits } } });
    const view = () => fixture.hub.queries.app(shop);
    fixture.push({ "apps/shop/a.yaml": configMap("a", "1") });
    await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
    await vi.waitFor(async () => expect((await view()).release?.number).toBe(1), soon);
    fixture.push({
      "apps/shop/a.yaml": configMap("a", "1"),
      "apps/shop/b.yaml": configMap("b", "2"),
      "apps/shop/big.yaml": configMap("big", "x".repeat(1_400)),
    });
    await fixture.wake();
    await vi.waitFor(async () => {
      const { problems, release } = await view();
      expect([release?.number, problems.map((one) => one.message)]).toEqual([1, [expect.any(String)]]);
      expect(problems[0]?.message).toMatch(message);
    }, soon);
  },
);
