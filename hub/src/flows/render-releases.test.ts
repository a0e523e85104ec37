import { setImmediate } from "node:timers/promises";
import { AppError } from "@muster/shared/errors.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BundleInput } from "../ports/bundler.ts";
import type { Store } from "../ports/store.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 5_000, interval: 5 };
const file = (version: string) => ({ "apps/shop/web.yaml": `Deployment web ${version}` });

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
});
afterEach(() => fixture.close());

const shopView = () => fixture.hub.queries.app(shop);
const problemOf = async (name: string) => (await fixture.hub.queries.app({ ...shop, name })).problems[0];

async function apply(...names: string[]): Promise<void> {
  await fixture.hub.commands.apply(person, [sourceOf(), ...names.map((name) => appOf(name))], { dryRun: false });
}

describe("a Revision that is not rendered", () => {
  it("is told of at the App while it is tried again, and no longer when it was", async () => {
    await fixture.startHub();
    const bundle = vi.spyOn(fixture.bundler, "bundle");
    bundle.mockRejectedValue(new AppError("unavailable", "rendering took longer than 30 s"));
    fixture.push(file("v1"));
    await apply("shop");
    await vi.waitFor(async () => expect(await problemOf("shop")).toMatchObject({ code: "RenderFailed" }), soon);
    const { problems } = await shopView();
    expect(problems[0]?.message).toMatch(/rendering took longer than 30 s\. It is tried again, and what runs stays\./);
    bundle.mockRestore();
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(1), soon);
    expect((await shopView()).problems).toEqual([]);
  });

  it("is told that its path leads out of the repository", async () => {
    await fixture.startHub();
    fixture.push(file("v1"));
    const source = { name: "fleet", path: "apps/../../etc" };
    await fixture.hub.commands.apply(person, [sourceOf(), appOf("shop", { source })], { dryRun: false });
    await vi.waitFor(async () => expect(await problemOf("shop")).toMatchObject({ code: "PathOutside" }), soon);
    expect((await problemOf("shop"))?.message).toContain('"apps/../../etc" leads out of the repository');
  });

  it("is tried again a while later when time ran out", async () => {
    const clock = new FakeClock(Date.now());
    await fixture.startHub({ over: { clock } });
    fixture.push({ "apps/shop/kustomization.yaml": "", "apps/shop/web.yaml": "Deployment web" });
    const slow = vi.spyOn(fixture.kustomize, "render");
    const problems = [{ code: "RenderTimeout" as const, message: "building this was not done.", where: {} }];
    slow.mockResolvedValue({ kind: "invalid", problems });
    await apply("shop");
    await vi.waitFor(async () => expect(await problemOf("shop")).toMatchObject({ code: "RenderTimeout" }), soon);
    slow.mockRestore();
    await clock.advance(10 * 60_000);
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(1), soon);
  });

  it("is forgotten when no cluster is left that it could concern", async () => {
    await fixture.startHub();
    fixture.push(file("v1"));
    await fixture.addCluster("eu-1", { tier: "a" });
    const wrong = {
      clusters: { names: ["eu-1"] },
      overrides: [{ clusters: { all: true }, path: "${cluster.labels.b}" }],
    };
    await fixture.hub.commands.apply(person, [sourceOf(), appOf("shop", wrong)], { dryRun: false });
    await vi.waitFor(async () => expect(await problemOf("shop")).toMatchObject({ code: "UnknownVariable" }), soon);
    const nowhere = { ...wrong, clusters: { names: ["eu-2"] } };
    await fixture.hub.commands.apply(person, [appOf("shop", nowhere)], { dryRun: false });
    await vi.waitFor(async () => expect((await shopView()).problems).toEqual([]), soon);
  });

  it("names the App itself when two share an empty directory", async () => {
    await fixture.startHub();
    fixture.push({ "apps/one/README": "nothing here", "apps/two/README": "nothing here" });
    await apply("one");
    await vi.waitFor(async () => expect((await problemOf("one"))?.message).toContain("apps/one"), soon);
    await apply("two");
    await vi.waitFor(async () => expect((await problemOf("two"))?.message).toContain("apps/two"), soon);
  });
});

it("renders a commit that takes back the one that is being rendered", async () => {
  await fixture.startHub();
  const bundle = fixture.bundler.bundle.bind(fixture.bundler);
  fixture.push(file("v1"));
  await apply("shop");
  await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(1), soon);
  const { digest } = (await shopView()).release ?? {};
  const gate = Promise.withResolvers<void>();
  const slow = vi.spyOn(fixture.bundler, "bundle").mockImplementation(async (input: BundleInput) => {
    await gate.promise;
    return bundle(input);
  });
  fixture.push(file("v2"));
  await fixture.wake();
  await vi.waitFor(() => expect(slow).toHaveBeenCalled(), soon);
  const trees = vi.spyOn(fixture.git, "treeAt");
  const back = fixture.push(file("v1"));
  await fixture.wake();
  await vi.waitFor(() => expect(trees.mock.calls.map(([, commit]) => commit)).toContain(back), soon);
  await setImmediate();
  gate.resolve();
  await vi.waitFor(async () => expect((await shopView()).release).toMatchObject({ number: 3, digest }), soon);
});

it("Apps of one repository whose renders hang hold up no App of another", async () => {
  await fixture.startHub();
  const hanging = ["one", "two", "three", "four", "five"];
  const elsewhere = "https://git.example.com/elsewhere.git";
  fixture.push(Object.fromEntries(hanging.map((name) => [`apps/${name}/kustomization.yaml`, "Kind x"])));
  fixture.git.push(elsewhere, file("v1"));
  vi.spyOn(fixture.kustomize, "render").mockImplementation(
    (_job, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  );
  await apply(...hanging);
  await vi.waitFor(() => expect(fixture.kustomize.render).toHaveBeenCalledTimes(4), soon);
  const other = { ...sourceOf({ git: { url: elsewhere } }), metadata: { name: "elsewhere" } };
  const source = { name: "elsewhere", path: "apps/shop" };
  await fixture.hub.commands.apply(person, [other, appOf("shop", { source })], { dryRun: false });
  await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(1), soon);
});

describe("the sweep", () => {
  it("spares the bundle of a Release that is just being written", async () => {
    const clock = new FakeClock(Date.now());
    let beforeRelease = async (): Promise<void> => {};
    const wrap = (store: Store): Store => ({
      ...store,
      documents: {
        ...store.documents,
        put: async (key, value, opts) => {
          if (key.collection === "releases") await beforeRelease();
          return store.documents.put(key, value, opts);
        },
      },
    });
    await fixture.startHub({ wrap, over: { clock } });
    fixture.push(file("v1"));
    await apply("shop");
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(1), soon);
    fixture.push(file("v2"));
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(2), soon);
    await clock.advance(2 * 60 * 60_000);
    // Long ago, and forgotten but for the bundler's memory of what its directory gave.
    const [first] = await fixture.store.documents.list("releases");
    const at = { collection: "releases", key: first?.key ?? "" };
    await fixture.store.documents.delete(at, { ifVersion: first?.version ?? 0 });
    beforeRelease = () => fixture.hub.sweep();
    fixture.push(file("v1"));
    await fixture.wake();
    await vi.waitFor(async () => expect((await shopView()).release?.number).toBe(3), soon);
    expect(await fixture.store.blobs.has((await shopView()).release?.digest ?? "")).toBe(true);
  });
});
