import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { appOf, HubFixture, person, REPOSITORY, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 5_000, interval: 5 };
const files = (version: string, more: Record<string, string> = {}) => ({
  "apps/shop/web.yaml": `Deployment web ${version}`,
  ...more,
});

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
});
afterEach(() => fixture.close());

const why = (commit: string, cluster: string | null = null) => fixture.hub.queries.why(shop, cluster, commit);

async function pushed(content: Record<string, string>, opts: { subject?: string; amend?: boolean } = {}) {
  const commit = fixture.push(content, opts);
  await fixture.wake();
  const source = () => fixture.hub.queries.source({ project: "default", name: "fleet" });
  await vi.waitFor(async () => expect((await source()).revision?.commit).toBe(commit), soon);
  await fixture.hub.settled();
  return commit;
}

async function deployed() {
  const first = fixture.push(files("v1"));
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  const agent = await fixture.addCluster("eu-1");
  await agent.connect(fixture.hub.gate);
  await vi.waitFor(async () => expect((await fixture.hub.queries.app(shop)).summary.healthy).toBe(1), soon);
  return first;
}

describe("why --commit", () => {
  it("follows commits through all that may become of them", async () => {
    const first = await deployed();
    expect(await why(first.slice(0, 8), "eu-1")).toMatchObject({
      reason: "Running",
      message: expect.stringContaining("is r1 of"),
    });
    expect(await why("0000000")).toMatchObject({ reason: "NotSeenYet" });

    const readme = await pushed(files("v1", { "README.md": "of no App" }));
    expect(await why(readme)).toMatchObject({ reason: "OutsidePath" });
    const comment = await pushed({ "apps/shop/web.yaml": "Deployment web v1\n# a comment" });
    await vi.waitFor(async () => {
      expect(await why(comment)).toMatchObject({
        reason: "RendersSame",
        message: expect.stringContaining("the same as r1"),
      });
    }, soon);

    const lost = fixture.push(files("v2"), { subject: "Two at once" });
    const second = await pushed(files("v3"));
    await vi.waitFor(async () => expect((await fixture.hub.queries.app(shop)).target?.number).toBe(2), soon);
    expect(await why(first)).toMatchObject({ reason: "Superseded", message: expect.stringContaining("was r1 of") });
    expect(await why(lost)).toMatchObject({ reason: "Superseded", message: expect.stringContaining("r2 (") });
    expect((await why(second)).message).toContain("is r2 of");
    expect((await why(comment)).reason).toBe("Superseded");

    const broken = await pushed(files("v3", { "apps/shop/x.yaml": "BROKEN" }));
    await vi.waitFor(async () => {
      expect(await why(broken)).toMatchObject({
        reason: "RenderRefused",
        message: expect.stringContaining("apps/shop/x.yaml:1"),
      });
    }, soon);

    const rewritten = await pushed(files("v4"), { amend: true });
    expect((await why(broken)).reason).toBe("Superseded");
    await vi.waitFor(async () => expect((await why(rewritten)).message).toContain("is r3 of"), soon);
    const elsewhere = fixture.git.push(REPOSITORY, files("v5"), { branch: "feature" });
    expect(await why(elsewhere)).toMatchObject({
      reason: "NotSeenYet",
      message: expect.stringContaining("no part of main"),
    });
  });

  it("says that a commit is held, and what is below it", async () => {
    await deployed();
    const git = { url: REPOSITORY, verify: { signers: ["platform"] } };
    await fixture.hub.commands.apply(person, [sourceOf({ git })], { dryRun: false });
    const source = () => fixture.hub.queries.source({ project: "default", name: "fleet" });
    await vi.waitFor(async () => expect((await source()).revision).not.toBeNull(), soon);
    fixture.verifier.verdict = () => ({ kind: "unverified", message: "it is not signed." }) as never;
    const below = fixture.push(files("v2"));
    const top = fixture.push(files("v3"));
    await fixture.wake();
    await vi.waitFor(async () => expect(await why(top)).toMatchObject({ reason: "HeldUnverified" }), soon);
    expect((await why(below)).message).toContain(`${below.slice(0, 7)} is held with ${top.slice(0, 7)} on top of it`);

    // All that tell of it say the same: it is held, why, and what to do; and nothing is failing.
    const { problems, ...held } = await source();
    expect(held).toMatchObject({ state: "Held", held: { commit: top, reason: "it is not signed." } });
    const [fix] = problems.map((problem) => problem.fix);
    expect(fix).toContain("platform");
    const app = await fixture.hub.queries.app(shop);
    expect(app).toMatchObject({ problems: [], state: `r1 everywhere; commit ${top.slice(0, 7)} is held unverified` });
    const whole = await fixture.hub.queries.why(shop, null);
    expect(whole).toMatchObject({ reason: "Running", next: fix });
    expect(whole.message.match(/is held: it is not signed\./g)).toHaveLength(1);
    const ofCommit = await why(top);
    expect(ofCommit.next).toBe(fix);
    expect(ofCommit.message.match(/it is not signed\./g)).toHaveLength(1);
  });
});
