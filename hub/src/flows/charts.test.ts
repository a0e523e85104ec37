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

const push = (text: string) => {
  fixture.push({ "apps/shop/values.yaml": text });
  return fixture.wake();
};
const KEPT = { code: "ChartKept", message: expect.stringContaining("web 1.0.0") };

it("renders commits with the archive that is kept while the repository does not answer, and says so", async () => {
  await deployed();
  charts.publish("1.1.0", "Deployment web v2");
  charts.answers = false;
  await clock.advance(2 * MINUTE);
  await push("Value a=2");
  await released(2);
  expect(await shopView()).toMatchObject({ problems: [], notices: [KEPT] });
  expect((await releases())[0]).toMatchObject({ cause: { kind: "commit" } });

  charts.answers = true;
  await clock.advance(2 * MINUTE);
  await released(3);
  expect((await releases())[0]).toMatchObject({ cause: { kind: "chart", detail: "web 1.1.0" } });
  expect((await shopView()).notices).toEqual([]);
});

it("takes the notice back once the repository answers again, where the version is exact", async () => {
  await deployed("1.0.0");
  charts.answers = false;
  await clock.advance(2 * MINUTE);
  await push("Value a=2");
  await released(2);
  expect((await shopView()).notices).toMatchObject([KEPT]);
  charts.answers = true;
  await clock.advance(2 * MINUTE);
  await vi.waitFor(async () => expect((await shopView()).notices).toEqual([]), soon);
  expect(await releases()).toHaveLength(2);
});

it("asks a repository that does not answer once for a while, however many commits come", async () => {
  await deployed();
  charts.answers = false;
  await clock.advance(2 * MINUTE);
  await fixture.hub.settled();
  const { resolves } = charts;
  for (const [index, value] of ["2", "3", "4"].entries()) {
    await push(`Value a=${value}`);
    await released(index + 2);
  }
  expect(charts.resolves - resolves).toBeLessThanOrEqual(1);
});

it.each([
  ["a range that the kept version is not in", "^2.0.0"],
  ["another version", "1.1.0"],
])("waits, and tells why, for %s", async (_what, version) => {
  await deployed("1.0.0");
  charts.answers = false;
  await fixture.hub.commands.apply(person, [appOf("shop", render(version))], { dryRun: false });
  await vi.waitFor(async () => {
    const [problem] = (await shopView()).problems;
    expect(problem).toMatchObject({ code: "RenderFailed", message: expect.stringContaining("did not answer") });
  }, soon);
  expect(await releases()).toHaveLength(1);
});

it("waits for a first fetch", async () => {
  fixture.push({ "apps/shop/values.yaml": "Value a=1" });
  charts.answers = false;
  await fixture.hub.commands.apply(person, [sourceOf(), appOf("shop", render("1.x"))], { dryRun: false });
  await vi.waitFor(async () => expect((await shopView()).problems[0]?.code).toBe("RenderFailed"), soon);
  expect(await releases()).toEqual([]);
});

it("a chart that is published after the App is found, whatever its version says", async () => {
  fixture.push({ "apps/shop/values.yaml": "Value a=1" });
  await fixture.hub.commands.apply(person, [sourceOf(), appOf("shop", render("1.0.0"))], { dryRun: false });
  await vi.waitFor(async () => expect((await shopView()).problems[0]?.code).toBe("ChartUnavailable"), soon);
  charts.publish("1.0.0", "Deployment web v1");
  await clock.advance(10 * MINUTE);
  await released(1);
  expect((await shopView()).problems).toEqual([]);
});
