import { AppError } from "@muster/shared/errors.ts";
import type { ReportPhase } from "@muster/shared/model/report.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const GOOD = { "apps/shop/web.yaml": "Deployment web v1" };
const BETTER = { "apps/shop/web.yaml": "Deployment web v2" };
const FINE = { "apps/shop/web.yaml": "Deployment web v3" };
const soon = { timeout: 5_000, interval: 5 };

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
});
afterEach(() => fixture.close());

/** One cluster that runs r1 of shop. */
async function deployed(files: Record<string, string> = GOOD) {
  fixture.push(files);
  const agent = await fixture.addCluster("eu-1");
  await agent.connect(fixture.hub.gate);
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  await vi.waitFor(async () => expect((await shopView()).summary.healthy).toBe(1), soon);
  return { agent, uid: await fixture.uidOf() };
}
const shopView = () => fixture.hub.queries.app(shop);
const sourceView = () => fixture.hub.queries.source({ project: "default", name: "fleet" });

/** Until the newest Release is `number` and the App is Healthy at its target everywhere. */
async function released(number: number) {
  await vi.waitFor(async () => {
    const view = await shopView();
    expect(view.release?.number).toBe(number);
    expect(view.summary).toMatchObject({ atTarget: view.summary.clusters, healthy: view.summary.clusters });
  }, soon);
}

describe("from commit to cluster and back", () => {
  it("brings a commit to the cluster, and its state back", async () => {
    const { agent, uid } = await deployed();
    expect(agent.digestOf(uid)).toMatch(/^b1:sha256:/);
    const view = await shopView();
    expect(view).toMatchObject({ state: "r1 everywhere", release: { number: 1 }, problems: [] });
    expect(view.placements).toMatchObject([
      { cluster: "eu-1", assigned: { release: 1 }, observed: { health: "Healthy" } },
    ]);
    expect(await fixture.hub.queries.why(shop, "eu-1")).toMatchObject({ reason: "Running" });
  });

  it("brings the next commit when the webhook wakes it, and traces each arrow", async () => {
    const { agent, uid } = await deployed();
    const before = agent.digestOf(uid);
    fixture.push(BETTER, { subject: "Better" });
    await fixture.wake();
    await released(2);
    expect(agent.digestOf(uid)).not.toBe(before);
    const trace = (await fixture.hub.queries.trace(shop)).at(-1);
    expect(trace).toMatchObject({ release: 2 });
    const {
      woken = 0,
      fetched = 0,
      compared = 0,
      rendered = 0,
      released: made = 0,
      intended = 0,
      assigned = 0,
    } = trace?.at ?? {};
    const arrows = [woken, fetched, compared, rendered, made, intended, assigned, trace?.clusters["eu-1"]?.sent ?? 0];
    expect(arrows).toEqual([...arrows].sort((a, b) => a - b));
    expect(arrows.every((at) => at > 0)).toBe(true);
    expect(trace?.clusters["eu-1"]?.healthy).toBeGreaterThan(0);
  });

  it("notes that a release is completed only when it was reported Healthy for that digest and generation", async () => {
    const { agent, uid } = await deployed();
    await vi.waitFor(() => completed(uid, 1), soon);
    const late: Parameters<NonNullable<typeof agent.report>>[0][] = [];
    agent.report = (assignment) => {
      late.push(assignment);
      return { phase: "Applied" as ReportPhase, health: "Progressing" };
    };
    fixture.push(BETTER);
    await fixture.wake();
    await vi.waitFor(() => expect(late).toHaveLength(1), soon);
    await fixture.hub.settled();
    await completed(uid, 1);
    const { reportOf } = await import("../testing/fake-agent.ts");
    const [assignment] = late;
    if (assignment === undefined) throw new Error("nothing was assigned");
    await agent.send(reportOf(assignment, { generation: assignment.generation - 1 }));
    await fixture.hub.settled();
    await completed(uid, 1);
    await agent.send(reportOf(assignment));
    await vi.waitFor(() => completed(uid, 2), soon);
  });

  it("renders only the App that a commit touches", async () => {
    await deployed({ ...GOOD, "apps/bank/web.yaml": "Deployment bank v1" });
    await fixture.hub.commands.apply(person, [appOf("bank")], { dryRun: false });
    await vi.waitFor(async () => expect((await bank()).release?.number).toBe(1), soon);
    await fixture.hub.settled();
    const rendersBefore = fixture.bundler.renders;
    fixture.push({ ...BETTER, "apps/bank/web.yaml": "Deployment bank v1" });
    await fixture.wake();
    await released(2);
    expect(fixture.bundler.renders).toBe(rendersBefore + 1);
    expect((await bank()).release?.number).toBe(1);
  });
  const bank = () => fixture.hub.queries.app({ project: "default", name: "bank" });

  it("makes no release of a commit that renders to the same", async () => {
    await deployed();
    fixture.push({ "apps/shop/web.yaml": "Deployment web v1\n# a comment", "README.md": "x" });
    await fixture.wake();
    await vi.waitFor(() => expect(fixture.bundler.renders).toBe(2), soon);
    await fixture.hub.settled();
    expect((await shopView()).release?.number).toBe(1);
  });

  it("makes a release of changed options, with the same bundle", async () => {
    const { agent, uid } = await deployed();
    const digest = agent.digestOf(uid);
    await fixture.hub.commands.apply(person, [appOf("shop", { destination: { namespace: "front" } })], {
      dryRun: false,
    });
    await released(2);
    expect((await shopView()).release).toMatchObject({ cause: { kind: "definition" }, digest });
    // The bundle is the one that runs already, so the cluster counts as being at its target before it hears of it.
    await vi.waitFor(() => {
      expect(agent.held.get(uid)?.assignment.content).toMatchObject({ destination: { namespace: "front" } });
    }, soon);
  });
});

async function completed(uid: string, release: number): Promise<void> {
  const stored = await fixture.store.documents.get({ collection: "intents", key: uid });
  expect((stored?.value as { stages: { completed: number }[] } | undefined)?.stages[0]?.completed).toBe(release);
}

describe("what is wrong in Git changes nothing that runs", () => {
  it("keeps the last good release, names file and line, and goes on with the next good commit", async () => {
    const { agent, uid } = await deployed();
    const digest = agent.digestOf(uid);
    const commit = fixture.push({ "apps/shop/web.yaml": "Deployment web v2\nBROKEN" });
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).problems).toHaveLength(1), soon);
    const [problem] = (await shopView()).problems;
    expect(problem).toMatchObject({ code: "KindMissing", where: { path: "apps/shop/web.yaml", line: 2, commit } });
    // Who wrote it looks at the Source, which itself is fine.
    expect(await sourceView()).toMatchObject({ state: "Ready", problems: [problem] });
    expect(await fixture.hub.queries.why(shop, null)).toMatchObject({ reason: "RenderFailing" });
    expect(agent.digestOf(uid)).toBe(digest);
    fixture.push(FINE);
    await fixture.wake();
    await released(2);
    expect((await shopView()).problems).toEqual([]);
    expect((await sourceView()).problems).toEqual([]);
    expect(agent.digestOf(uid)).not.toBe(digest);
  });

  it.each([
    ["a directory without objects", { "apps/shop/notes.txt": "nothing", "README.md": "x" }, "NothingRendered"],
    ["files without objects", { "apps/shop/web.yaml": "# empty" }, "NothingRendered"],
    ["a directory that is gone", { "README.md": "x" }, "PathNotFound"],
  ])("deletes nothing for %s, and says how to mean it", async (_what, files, code) => {
    const { agent, uid } = await deployed();
    const digest = agent.digestOf(uid);
    fixture.push(files as Record<string, string>);
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).problems).toMatchObject([{ code }]), soon);
    expect((await shopView()).problems[0]).toMatchObject({
      message: expect.stringContaining("Nothing is deleted"),
      fix: expect.stringContaining("muster delete app default/shop"),
    });
    expect(agent.digestOf(uid)).toBe(digest);
    expect(agent.received.every(({ content }) => content.kind === "run")).toBe(true);
  });

  it("refuses symbolic links", async () => {
    await deployed();
    fixture.push({ ...GOOD, "apps/shop/passwd.yaml": "/etc/passwd" }, { symlinks: ["apps/shop/passwd.yaml"] });
    await fixture.wake();
    await vi.waitFor(async () => {
      expect((await shopView()).problems).toMatchObject([
        { code: "SymlinkRefused", where: { path: "apps/shop/passwd.yaml" } },
      ]);
    }, soon);
  });

  it.each([
    ["unreachable", new AppError("unavailable", "connection refused"), "RepositoryUnreachable"],
    ["credentials refused", new AppError("unauthenticated", "401"), "CredentialsRefused"],
  ])("says that Git is %s, deletes nothing, and recovers by itself", async (_what, failure, code) => {
    const { agent, uid } = await deployed();
    const digest = agent.digestOf(uid);
    fixture.git.failure = failure;
    await fixture.wake();
    await vi.waitFor(
      async () => expect(await sourceView()).toMatchObject({ state: "Failing", problems: [{ code }] }),
      soon,
    );
    expect((await shopView()).problems).toMatchObject([{ code }]);
    fixture.git.failure = null;
    fixture.push(BETTER);
    await fixture.wake();
    await released(2);
    expect(await sourceView()).toMatchObject({ state: "Ready", problems: [] });
    expect(agent.digestOf(uid)).not.toBe(digest);
    expect(agent.received.every(({ content }) => content.kind === "run")).toBe(true);
  });

  it("says that the branch was deleted, and deletes nothing", async () => {
    const { agent, uid } = await deployed();
    const digest = agent.digestOf(uid);
    fixture.git.deleteBranch("https://git.example.com/fleet.git");
    await fixture.wake();
    await vi.waitFor(
      async () => expect(await sourceView()).toMatchObject({ problems: [{ code: "RefNotFound" }] }),
      soon,
    );
    expect(agent.digestOf(uid)).toBe(digest);
  });

  it("follows a rewritten history and says so", async () => {
    await deployed();
    fixture.push(BETTER, { amend: true });
    await fixture.wake();
    await released(2);
    expect(await sourceView()).toMatchObject({ state: "Ready", problems: [{ code: "HistoryRewritten" }] });
  });

  it("keeps what runs when the Source is deleted", async () => {
    const { agent, uid } = await deployed();
    const digest = agent.digestOf(uid);
    await fixture.hub.commands.deleteSource(person, { project: "default", name: "fleet" });
    await vi.waitFor(async () => expect((await shopView()).problems).toMatchObject([{ code: "SourceNotFound" }]), soon);
    await fixture.hub.sweep();
    await fixture.hub.settled();
    expect(agent.digestOf(uid)).toBe(digest);
  });
});

describe("rollback and pin", () => {
  const rollback = (to: string, over = {}) =>
    fixture.hub.commands.rollback(person, {
      project: "default",
      app: "shop",
      to,
      reason: "errors",
      dryRun: false,
      ...over,
    });

  async function atR2() {
    const { agent, uid } = await deployed();
    const r1 = agent.digestOf(uid);
    fixture.push(BETTER);
    await fixture.wake();
    await released(2);
    return { agent, uid, r1, r2: agent.digestOf(uid) };
  }

  it("brings older content back at a higher generation, and holds it against Git until unpinned", async () => {
    const { agent, uid, r1 } = await atR2();
    const generation = agent.held.get(uid)?.mark.generation ?? 0;
    expect(await rollback("previous", { dryRun: true })).toMatchObject({ from: 2, to: 1, clusters: ["eu-1"] });
    expect((await shopView()).pin).toBeNull();
    await rollback("previous");
    await vi.waitFor(() => expect(agent.digestOf(uid)).toBe(r1), soon);
    expect(agent.held.get(uid)?.mark.generation).toBeGreaterThan(generation);
    expect(agent.held.get(uid)?.assignment.content).toMatchObject({ release: { number: 1, direction: "back" } });
    fixture.push(FINE);
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(3), soon);
    await fixture.hub.settled();
    expect(agent.digestOf(uid)).toBe(r1);
    expect(await fixture.hub.queries.why(shop, "eu-1")).toMatchObject({ reason: "Pinned" });
    await fixture.hub.commands.unpin(person, shop, { reason: "fixed" });
    await vi.waitFor(
      () =>
        expect(agent.held.get(uid)?.assignment.content).toMatchObject({ release: { number: 3, direction: "forward" } }),
      soon,
    );
    expect(agent.breaches).toEqual([]);
  });

  it("lifts by itself when Git renders the pinned content, and nothing moves", async () => {
    const { agent, uid, r1 } = await atR2();
    await rollback("r1");
    await vi.waitFor(() => expect(agent.digestOf(uid)).toBe(r1), soon);
    fixture.push(GOOD, { subject: "Revert" });
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).pin).toBeNull(), soon);
    await released(3);
    expect(
      agent.received.slice(2).map(({ content }) => (content.kind === "run" ? content.bundle.digest : null)),
    ).toEqual([r1]);
  });

  it("is not lifted by an old commit that a lagging mirror serves again", async () => {
    fixture.push(GOOD);
    const { agent, uid } = await deployed();
    const first = (await shopView()).release?.commit ?? "";
    const r1 = agent.digestOf(uid);
    const second = fixture.push(BETTER);
    await fixture.wake();
    await released(2);
    await rollback("r1");
    await vi.waitFor(() => expect(agent.digestOf(uid)).toBe(r1), soon);
    fixture.git.reset("https://git.example.com/fleet.git", first as never);
    await fixture.wake();
    await vi.waitFor(async () => expect((await sourceView()).revision?.commit).toBe(first), soon);
    await fixture.hub.settled();
    expect((await shopView()).pin).not.toBeNull();
    fixture.git.reset("https://git.example.com/fleet.git", second);
    await fixture.wake();
    await vi.waitFor(async () => expect((await sourceView()).revision?.commit).toBe(second), soon);
    await fixture.hub.settled();
    expect(agent.digestOf(uid)).toBe(r1);
  });
});
