import { silentLog } from "@muster/shared/log.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FakeAgent } from "../../testing/fake-agent.ts";
import { HubFixture, person, sourceOf } from "../../testing/hub-fixture.ts";
import { mortalStore } from "../../testing/mortal-store.ts";

const soon = { timeout: 8_000, interval: 5 };
const tenants = { project: "default", name: "tenants" };

let fixture: HubFixture;
let agent: FakeAgent;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
  agent = await fixture.addCluster("eu-1", { region: "eu" });
  await agent.connect(fixture.hub.gate);
});
afterEach(() => fixture.close());

const apiVersion = "muster.dev/v1alpha1";
const appSet = (generator: object, template: object = {}) => ({
  apiVersion,
  kind: "AppSet",
  metadata: { name: "tenants" },
  spec: {
    generator,
    template: {
      metadata: { name: "${directory.name}" },
      spec: { source: { name: "fleet", path: "${directory.path}" }, clusters: { all: true } },
      ...template,
    },
  },
});
const perDirectory = (template: object = {}) => appSet({ directories: { source: "fleet", path: "apps/*" } }, template);
const apply = (...definitions: readonly object[]) => fixture.hub.commands.apply(person, definitions, { dryRun: false });
const names = async () =>
  (await fixture.hub.queries.apps()).filter(({ deleting }) => !deleting).map(({ name }) => name);
const view = () => fixture.hub.queries.appSet(tenants);
const hasNames = (...wanted: string[]) =>
  vi.waitFor(async () => expect((await names()).sort()).toEqual([...wanted].sort()), soon);
const directories = (...dirs: string[]): Record<string, string> =>
  Object.fromEntries(dirs.map((dir) => [`apps/${dir}/a.yaml`, `ConfigMap ${dir}`]));

async function push(files: Record<string, string>): Promise<void> {
  fixture.push(files);
  await fixture.wake();
}

describe("an AppSet", () => {
  it("makes an App for each directory, and takes it away with its directory", async () => {
    fixture.push(directories("shop", "bank"));
    await apply(sourceOf(), perDirectory());
    await hasNames("bank", "shop");
    expect(await view()).toMatchObject({
      generator: "directories apps/* of fleet",
      apps: 2,
      problems: [],
      owner: "the API",
    });
    await vi.waitFor(() => expect(agent.held.size).toBe(2), soon);

    await push(directories("shop", "cart"));
    await hasNames("cart", "shop");
    await vi.waitFor(() => expect(agent.received.some(({ content }) => content.kind === "remove")).toBe(true), soon);
  });

  it("compares nothing when a commit touches nothing that it looks at", async () => {
    fixture.push(directories("shop"));
    await apply(sourceOf(), perDirectory());
    await hasNames("shop");
    await fixture.hub.settled();
    const tells = vi.fn();
    await fixture.hub.stop();
    await fixture.startHub({ over: { log: { ...silentLog, info: tells } as typeof silentLog } });
    const kept = () => tells.mock.calls.filter(([, what]) => what === "apps of an app set kept").length;
    await vi.waitFor(() => expect(kept()).toBe(1), soon);
    await push({ ...directories("shop"), "README.md": "more" });
    await fixture.hub.settled();
    await push({ ...directories("shop", "bank"), "README.md": "more" });
    await hasNames("bank", "shop");
    await vi.waitFor(() => expect(kept()).toBe(2), soon);
  });

  it("follows its template, and is the only one to change its Apps", async () => {
    fixture.push(directories("shop"));
    await apply(sourceOf(), perDirectory());
    await hasNames("shop");
    const spec = {
      source: { name: "fleet", path: "${directory.path}" },
      clusters: { all: true },
      sync: { drift: "off" },
    };
    await apply(perDirectory({ spec }));
    await vi.waitFor(async () => {
      expect(await fixture.hub.queries.definitions("App")).toMatchObject([{ spec: { sync: { drift: "off" } } }]);
    }, soon);
    const byHand = { apiVersion, kind: "App", metadata: { name: "shop" }, spec };
    await expect(apply(byHand)).rejects.toThrow(
      "App default/shop belongs to AppSet default/tenants, and the API cannot change it",
    );
  });

  it("makes an App for each file, with its fields; a broken file leaves its App as it is", async () => {
    const template = {
      metadata: { name: "${file.name}" },
      spec: { source: { name: "fleet", path: "apps/shop" }, clusters: { all: true }, vars: { PORT: "${file.port}" } },
    };
    const files = (port: string) => ({
      ...directories("shop"),
      "tenants/a.yaml": `port: ${port}\n`,
      "tenants/b.yaml": "port: 2\n",
    });
    fixture.push(files("1"));
    await apply(sourceOf(), appSet({ files: { source: "fleet", path: "tenants/*.yaml" } }, template));
    await hasNames("a", "b");
    await push({ ...files("["), "tenants/b.yaml": "port: 3\n" });
    await vi.waitFor(async () => {
      const vars = (await fixture.hub.queries.definitions("App")).map(({ spec }) => (spec as { vars: object }).vars);
      expect(vars).toEqual([{ PORT: "1" }, { PORT: "3" }]);
    }, soon);
    await vi.waitFor(async () => {
      expect((await view()).problems).toEqual([
        expect.objectContaining({ code: "InvalidYaml", where: expect.objectContaining({ path: "tenants/a.yaml" }) }),
      ]);
    }, soon);
  });

  it("makes an App for each value of a label, as clusters come and are relabelled", async () => {
    fixture.push(directories("shop"));
    const template = {
      metadata: { name: "shop-${label.value}" },
      spec: { source: { name: "fleet", path: "apps/shop" }, clusters: { matchLabels: { region: "${label.value}" } } },
    };
    await apply(sourceOf(), appSet({ clusterLabel: { key: "region" } }, template));
    await hasNames("shop-eu");
    await fixture.hub.commands.registerCluster(person, { name: "us-1", labels: { region: "us" } });
    await hasNames("shop-eu", "shop-us");
    await fixture.hub.commands.labelCluster(person, "us-1", { set: { region: "eu" }, remove: [] }, { dryRun: false });
    await hasNames("shop-eu");
  });

  it.each([
    ["its pattern finds nothing", () => push({ "README.md": "moved" }), "NothingMatched"],
    [
      "its Source is gone",
      () => fixture.hub.commands.deleteSource(person, { project: "default", name: "fleet" }),
      "SourceNotFound",
    ],
  ])("deletes nothing when %s", async (_, happen, code) => {
    fixture.push(directories("shop"));
    await apply(sourceOf(), perDirectory());
    await hasNames("shop");
    await happen();
    if (code === "SourceNotFound")
      await apply(perDirectory({ metadata: { name: "${directory.name}", labels: { a: "b" } } }));
    await vi.waitFor(async () => expect((await view()).problems).toMatchObject([{ code }]), soon);
    await hasNames("shop");
  });

  it("names both owners of a name that is taken, and gets it when it is handed over", async () => {
    fixture.push(directories("shop", "bank"));
    const byHand = {
      apiVersion,
      kind: "App",
      metadata: { name: "shop" },
      spec: { source: { name: "fleet", path: "apps/shop" }, clusters: { all: true } },
    };
    await apply(sourceOf(), byHand, perDirectory());
    await hasNames("bank", "shop");
    await vi.waitFor(async () => {
      expect((await view()).problems).toEqual([
        expect.objectContaining({
          code: "OwnerConflict",
          message: expect.stringMatching(/App default\/shop belongs to the API, and AppSet default\/tenants cannot/),
        }),
      ]);
    }, soon);
    await push(directories("bank"));
    await fixture.hub.settled();
    await hasNames("bank", "shop");
    await push(directories("shop", "bank"));
    await vi.waitFor(async () => expect((await view()).problems).toHaveLength(1), soon);
    const to = { appSet: "default/tenants" };
    await fixture.hub.commands.handOver(person, { kind: "App", project: "default", name: "shop", to });
    await vi.waitFor(async () => expect(await view()).toMatchObject({ apps: 2, problems: [] }), soon);
  });

  it("takes its Apps with it when it is deleted", async () => {
    fixture.push(directories("shop", "bank"));
    await apply(sourceOf(), perDirectory());
    await vi.waitFor(() => expect(agent.held.size).toBe(2), soon);
    await fixture.hub.commands.deleteAppSet(person, tenants);
    await hasNames();
    await vi.waitFor(() => {
      expect(agent.received.filter(({ content }) => content.kind === "remove")).toHaveLength(2);
    }, soon);
    await fixture.hub.settled();
    await fixture.hub.sweep();
    await expect(view()).rejects.toThrow("There is no AppSet default/tenants.");
  });

  it.each(["before", "after"] as const)(
    "is deleted in full, whichever write it is killed at (%s)",
    async (when) => {
      for (let write = 1; ; write += 1) {
        await fixture.close();
        fixture = await HubFixture.create();
        await fixture.startHub();
        fixture.push(directories("shop", "bank"));
        await apply(sourceOf(), perDirectory());
        await hasNames("bank", "shop");
        await fixture.hub.stop();
        const mortal = mortalStore(fixture.store, write, when);
        const hasStarted = await fixture.startHub({ wrap: () => mortal.store }).then(
          () => true,
          () => false,
        );
        let isAcknowledged = false;
        if (hasStarted) {
          isAcknowledged = await fixture.hub.commands.deleteAppSet(person, tenants).then(
            () => true,
            () => false,
          );
          await vi.waitFor(async () => {
            if (!mortal.isDead && (await names()).length > 0) throw new Error("not yet");
          }, soon);
        }
        await fixture.hub.stop().catch(() => {});
        await fixture.startHub();
        if (isAcknowledged) {
          await fixture.hub.sweep();
          await hasNames();
        } else {
          await fixture.hub.settled();
          const left = await names();
          expect([0, 2]).toContain(left.length);
        }
        if (mortal.writes < write) break;
        expect(write).toBeLessThan(60);
      }
    },
    60_000,
  );
});
