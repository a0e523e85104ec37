import type { Assignment } from "@muster/shared/model/assignment.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { appOf, HubFixture, person, REPOSITORY, shop, sourceOf } from "../testing/hub-fixture.ts";

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
});
afterEach(() => fixture.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 5_000, interval: 2 });
const projectOf = (spec: object, name = "default") => ({
  apiVersion: "muster.dev/v1alpha1",
  kind: "Project",
  metadata: { name },
  spec,
});
const configMap = (name: string) => `ConfigMap ${name}\n`;
const apply = (...definitions: object[]) => fixture.hub.commands.apply(person, definitions, { dryRun: false });
const app = (name = "shop") => fixture.hub.queries.app({ project: "default", name });
const problems = async (name = "shop") => (await app(name)).problems.map(({ code, message }) => ({ code, message }));
const release = async (name = "shop") => (await app(name)).release?.number ?? null;
const push = (files: Record<string, string>) => {
  fixture.push(files);
  return fixture.wake();
};
/** What the App's one cluster was last given to run. */
const given = (cluster: string) => fixture.agents.get(cluster)?.received.at(-1);
const content = (cluster: string) => given(cluster)?.content as Extract<Assignment["content"], { kind: "run" }>;

describe("a Project", () => {
  it("keeps what it forbids from being released, says so, and what runs stays", async () => {
    fixture.push({ "apps/shop/a.yaml": configMap("a") });
    await apply(projectOf({ namespaces: ["default"] }), sourceOf(), appOf());
    await until(async () => expect(await release()).toBe(1));
    await push({ "apps/shop/a.yaml": configMap("a"), "apps/shop/volume.yaml": "PersistentVolume data\n" });
    await until(async () => expect(await problems()).toHaveLength(1));
    expect(await problems()).toEqual([
      {
        code: "ProjectForbids",
        message: expect.stringMatching(
          /^PersistentVolume data: Project default does not allow the kind PersistentVolume,/,
        ),
      },
    ]);
    expect(await release()).toBe(1);
    await push({ "apps/shop/a.yaml": configMap("kube-system/b") });
    await until(async () =>
      expect((await problems())[0]?.message).toContain("does not allow the namespace kube-system"),
    );
    // Allowed now: nothing has to be pushed for it.
    await apply(projectOf({ namespaces: ["default", "kube-system"] }));
    await until(async () => expect(await release()).toBe(2));
    expect(await problems()).toEqual([]);
  });

  it("goes to the agents with each Release, and another policy is another Release", async () => {
    const agent = await fixture.addCluster("eu-1");
    agent.connect(fixture.hub.gate);
    fixture.push({ "apps/shop/a.yaml": configMap("a") });
    await apply(sourceOf(), appOf("shop", { takesOverFrom: ["old", "default/older"] }));
    await until(() => expect(content("eu-1")?.takesOverFrom).toEqual(["old", "older"]));
    expect(content("eu-1").policy).toBeUndefined();
    await apply(projectOf({ namespaces: ["default"], serviceAccount: "deployer" }));
    await until(() => expect(content("eu-1").policy).toBeDefined());
    expect(content("eu-1").policy).toEqual({
      namespaces: ["default"],
      kinds: { namespaced: ["*"], cluster: [] },
      serviceAccount: "deployer",
    });
    expect(given("eu-1")?.requires).toContain("policy/v1");
    expect(await release()).toBe(2);
    // Narrower than what runs: that stays, and is told.
    await apply(projectOf({ namespaces: ["elsewhere"] }));
    await until(async () => expect((await problems())[0]?.code).toBe("ProjectForbids"));
    expect([await release(), content("eu-1").policy?.namespaces]).toEqual([2, ["default"]]);
  });

  it("that is suspended renders nothing, moves nothing, and goes on where it was", async () => {
    await fixture.addCluster("eu-1", { tier: "prod" });
    fixture.push({ "apps/shop/a.yaml": configMap("a") });
    const clusters = { matchLabels: { tier: "prod" } };
    await apply(projectOf({}), sourceOf(), appOf("shop", { clusters, onUnplaced: { grace: "0s" } }));
    await until(async () => expect((await app()).summary.clusters).toBe(1));
    await until(async () => expect(await release()).toBe(1));
    await apply(projectOf({ suspended: true }));
    await until(async () => expect((await problems())[0]?.code).toBe("ProjectSuspended"));
    await push({ "apps/shop/a.yaml": configMap("a"), "apps/shop/b.yaml": configMap("b") });
    await fixture.addCluster("eu-2", { tier: "prod" });
    await fixture.hub.commands.labelCluster(person, "eu-1", { set: { tier: "test" }, remove: [] }, { dryRun: false });
    await fixture.hub.settled();
    expect([await release(), (await app()).summary.clusters]).toEqual([1, 1]);
    await apply(projectOf({ suspended: false }));
    await until(async () => expect(await release()).toBe(2));
    expect((await fixture.hub.queries.why(shop, "eu-2")).reason).not.toBe("NotSelected");
  });

  it("narrows where its Apps are placed, and why says so", async () => {
    await fixture.addCluster("eu-1", { region: "eu" });
    await fixture.addCluster("us-1", { region: "us" });
    fixture.push({ "apps/shop/a.yaml": configMap("a") });
    const result = await apply(projectOf({ clusters: { matchLabels: { region: "eu" } } }), sourceOf(), appOf());
    expect(result.results.at(-1)).toMatchObject({ gains: ["eu-1"] });
    await until(async () => expect((await app()).summary.clusters).toBe(1));
    expect(await fixture.hub.queries.why(shop, "us-1")).toMatchObject({
      reason: "NotInProject",
      message:
        "default/shop is not placed on us-1: its selector matches, and the cluster is not in the Project default.",
    });
    await apply(projectOf({}));
    await until(async () => expect((await app()).summary.clusters).toBe(2));
    await fixture.hub.settled();
    const waits = await apply(projectOf({ clusters: { names: ["nowhere"] } }));
    expect(waits.results[0]?.outcome).toBe("changed");
    await until(async () => expect((await fixture.hub.queries.why(shop, "us-1")).reason).toMatch(/^Removal/));
  });

  it("has a quota of objects over all its Apps, and there is room again when one has less", async () => {
    const two = { "apps/other/a.yaml": configMap("a"), "apps/other/b.yaml": configMap("b") };
    fixture.push({ ...two, "apps/shop/c.yaml": configMap("c") });
    await apply(projectOf({ quota: { objects: 2 } }), sourceOf(), appOf("other"));
    await until(async () => expect(await release("other")).toBe(1));
    await apply(appOf());
    await until(async () => expect((await problems())[0]?.code).toBe("QuotaExceeded"));
    expect((await problems())[0]?.message).toContain("default/shop has 1 of them now, and the others have 2");
    await push({ "apps/other/a.yaml": configMap("a"), "apps/shop/c.yaml": configMap("c") });
    await until(async () => expect(await release()).toBe(1));
  });

  it("has a quota of render time that a second look does not get around", async () => {
    const { bundler } = fixture;
    const bundle = bundler.bundle.bind(bundler);
    bundler.bundle = async (input) => {
      await systemClock.sleep(3);
      return bundle(input);
    };
    fixture.push({ "apps/shop/a.yaml": configMap("a") });
    await apply(projectOf({ quota: { renderSeconds: 0 } }), sourceOf(), appOf());
    await until(async () => expect((await problems())[0]?.code).toBe("QuotaExceeded"));
    await fixture.wake();
    await apply(projectOf({ quota: { renderSeconds: 0 }, credentials: ["x"] }));
    await fixture.hub.settled();
    expect((await problems())[0]?.code).toBe("QuotaExceeded");
    await apply(projectOf({ quota: { renderSeconds: 60 } }));
    await until(async () => expect(await release()).toBe(1));
  });
});

describe("what a Project forbids in definitions", () => {
  const elsewhere = { repositories: ["https://elsewhere.example.com/**"] };

  it.each([
    ["a repository", elsewhere, [sourceOf()], /does not allow the repository https:\/\/git\.example\.com\/fleet\.git/],
    ["a credential", { credentials: [] }, [sourceOf({ git: { url: REPOSITORY, credentials: "c" } })], /credential c/],
    ["a namespace", { namespaces: ["shop-*"] }, [appOf()], /does not allow the namespace default/],
    ["one App too many", { quota: { apps: 1 } }, [appOf("one"), appOf("two")], /may have 1 Apps/],
    ["another Project's objects", {}, [appOf("shop", { takesOverFrom: ["pay/api"] })], /inside a Project only/],
  ])("is refused at once, and nothing is stored: %s", async (_what, spec, definitions, message) => {
    const refusal = apply(projectOf(spec), ...definitions);
    await expect(refusal).rejects.toMatchObject({ code: "forbidden", message: expect.stringMatching(message) });
    await expect(refusal).rejects.toMatchObject({ fix: expect.stringMatching(/^Nothing was changed\./) });
    expect((await fixture.hub.queries.status()).apps).toEqual([]);
  });

  it("and was allowed once is not contacted any more", async () => {
    fixture.push({ "apps/shop/a.yaml": configMap("a") });
    await apply(sourceOf(), appOf());
    await until(async () => expect(await release()).toBe(1));
    await apply(projectOf(elsewhere));
    await until(async () => expect((await problems())[0]?.code).toBe("ProjectForbids"));
    const asked = fixture.git.fetches;
    await push({ "apps/shop/a.yaml": configMap("b") });
    await until(async () =>
      expect((await fixture.hub.queries.source({ project: "default", name: "fleet" })).problems[0]?.code).toBe(
        "ProjectForbids",
      ),
    );
    expect(fixture.git.fetches).toBe(asked);
    expect(await release()).toBe(1);
  });
});

describe("an App under another name", () => {
  const move = (to: string, dryRun = false) => fixture.hub.commands.moveApp(person, { from: shop, to, dryRun });
  const names = async () => (await fixture.hub.queries.apps()).filter((one) => !one.deleting).map(({ name }) => name);

  it("takes over the objects, and the old one goes with its objects kept, however often it is said", async () => {
    const agent = await fixture.addCluster("eu-1");
    agent.connect(fixture.hub.gate);
    fixture.push({ "apps/shop/a.yaml": configMap("a") });
    await apply(projectOf({ quota: { apps: 1 } }), sourceOf(), appOf());
    await until(() => expect(given("eu-1")?.app.name).toBe("shop"));
    await fixture.hub.settled();
    expect(await move("store", true)).toEqual({
      from: "default/shop",
      to: "default/store",
      clusters: 1,
      dryRun: true,
    });
    expect(await names()).toEqual(["shop"]);
    await move("store");
    await move("store");
    await until(async () => expect(await names()).toEqual(["store"]));
    const ofOld = () => agent.received.filter(({ app }) => app.name === "shop").at(-1)?.content;
    await until(() => expect(ofOld()).toMatchObject({ kind: "remove", action: "keep" }));
    await until(() =>
      expect(agent.received.find(({ app }) => app.name === "store")?.content).toMatchObject({
        kind: "run",
        takesOverFrom: ["shop"],
      }),
    );
    expect(await problems("store")).toEqual([]);
  });

  it("is refused where something would be lost by it", async () => {
    fixture.push({ "apps/shop/a.yaml": configMap("a"), "apps/other/b.yaml": configMap("b") });
    await apply(sourceOf(), appOf(), appOf("other"));
    await until(async () => expect(await release()).toBe(1));
    await expect(move("other")).rejects.toMatchObject({ code: "conflict" });
    await fixture.hub.settled();
    const rollback = { project: "default", app: "shop", to: "r1", reason: "hold", dryRun: false };
    await fixture.hub.commands.rollback(person, rollback);
    await expect(move("store")).rejects.toMatchObject({ message: expect.stringContaining("is pinned") });
    await fixture.hub.commands.unpin(person, shop, { reason: "on" });
    await push({ "apps/shop/a.yaml": "BROKEN\n" });
    await until(async () => expect(await problems()).toHaveLength(1));
    await expect(move("store")).rejects.toMatchObject({ message: expect.stringContaining("could not be released") });
    expect(await names()).toEqual(["other", "shop"]);
  });
});

describe("a Project that nobody defined", () => {
  it("is an error where Projects are required", async () => {
    await fixture.hub.stop();
    await fixture.startHub({ over: { requireProjects: true } });
    await expect(apply(sourceOf())).rejects.toMatchObject({ message: expect.stringContaining("no Project default") });
    await apply(projectOf({}), sourceOf());
  });
});
