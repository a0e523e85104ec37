import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeCharts } from "../testing/fake-charts.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 5_000, interval: 5 };
const MINUTE = 60_000;

let fixture: HubFixture;
let charts: FakeCharts;
let clock: FakeClock;
beforeEach(async () => {
  fixture = await HubFixture.create();
  charts = new FakeCharts();
  clock = new FakeClock(Date.now());
  await fixture.startHub({ over: { charts, clock, chartPollMs: MINUTE } });
});
afterEach(() => fixture.close());

const shopView = () => fixture.hub.queries.app(shop);
const releases = () => fixture.hub.queries.releases(shop);
const render = (version: string) => ({
  render: { helm: { chart: { repository: "https://charts.example.com", name: "web", version } } },
});
const released = (number: number) =>
  vi.waitFor(async () => expect((await shopView()).release?.number).toBe(number), soon);

async function deployed(version = "1.x"): Promise<void> {
  fixture.push({ "apps/shop/values.yaml": "Value a=1" });
  charts.publish("1.0.0", "Deployment web v1");
  await fixture.hub.commands.apply(person, [sourceOf(), appOf("shop", render(version))], { dryRun: false });
  await released(1);
}

it("a newer version in a chart's range is a Release with that cause, at the next poll", async () => {
  await deployed();
  const before = await shopView();
  charts.publish("1.1.0", "Deployment web v2");
  await clock.advance(2 * MINUTE);
  await released(2);
  const [newest] = await releases();
  expect(newest).toMatchObject({ number: 2, cause: { kind: "chart", detail: "web 1.1.0" } });
  expect(newest?.digest).not.toBe(before.release?.digest);
});

it("a poll that finds the same version makes nothing", async () => {
  await deployed();
  const { resolves } = charts;
  await clock.advance(2 * MINUTE);
  await vi.waitFor(() => expect(charts.resolves).toBeGreaterThan(resolves), soon);
  await fixture.hub.settled();
  expect(await releases()).toHaveLength(1);
});

it("another version in the definition is a Release because of the definition", async () => {
  await deployed("1.0.0");
  charts.publish("2.0.0", "Deployment web v2");
  await fixture.hub.commands.apply(person, [appOf("shop", render("2.0.0"))], { dryRun: false });
  await released(2);
  expect((await releases())[0]).toMatchObject({ cause: { kind: "definition" } });
});

it("a chart that is gone from its repository is told, and takes nothing away", async () => {
  await deployed();
  charts.lose();
  await clock.advance(2 * MINUTE);
  await vi.waitFor(async () => expect((await shopView()).problems[0]?.code).toBe("ChartUnavailable"), soon);
  expect((await shopView()).release?.number).toBe(1);
});
