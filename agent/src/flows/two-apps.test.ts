import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OWNER_LABEL } from "../core/ownership.ts";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { type AssignOptions, configMap } from "../testing/fake-hub.ts";
import { ownerHash } from "./trust.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 2 });
const reported = (name: string, over: object) => until(() => expect(world.hub.last(name)).toMatchObject(over));
const applied = (name: string, generation: number) => reported(name, { generation, phase: "Applied" });
const live = (name: string) => world.live("ConfigMap", name);
const ownerOf = async (name: string) => (await live(name))?.metadata.labels?.[OWNER_LABEL];
const hashOf = (name: string, project = "default") => ownerHash(world.hub.hubId, { project, name });
const maps = (...names: string[]) => names.map((name) => configMap(name, { v: "1" }));
/** What is deleted, in order, by whoever. */
const noteDeletes = () => {
  const deleted: string[] = [];
  const { api } = world.cluster;
  const cluster = {
    ...api,
    delete: async (...args: Parameters<typeof api.delete>) => {
      if (args[0].kind === "ConfigMap") deleted.push(args[0].name);
      return api.delete(...args);
    },
  };
  return { cluster, deleted };
};

describe("an object in two Apps", () => {
  test("stays with the first, and of the newcomer nothing is applied until it is free", async () => {
    world.startAgent();
    world.hub.assign("first", maps("shared", "a"), { generation: 1 });
    await applied("first", 1);
    world.hub.assign("second", maps("b", "shared"), { generation: 1, destination: { createNamespace: true } });
    await reported("second", { phase: "Failed" });
    expect(world.hub.last("second")?.problems).toEqual([
      expect.objectContaining({
        code: "NotOwned",
        message:
          "ConfigMap default/shared belongs to default/first; nothing of default/second is applied in this cluster.",
        fix: expect.stringContaining("spec.takesOverFrom: [first]"),
      }),
    ]);
    expect(world.hub.last("second")?.objects.map(({ sync }) => sync)).toEqual(["OutOfSync", "OutOfSync"]);
    expect(await live("b")).toBeNull();
    world.hub.assign("first", maps("a"), { generation: 2 });
    await applied("second", 1);
    expect(await ownerOf("shared")).toBe(hashOf("second"));
  });

  test("stops an App that runs here from going further, and what runs stays", async () => {
    world.startAgent();
    world.hub.assign("first", maps("shared"), { generation: 1 });
    world.hub.assign("second", maps("b", "gone"), { generation: 1 });
    await applied("first", 1);
    await applied("second", 1);
    world.hub.assign("second", [configMap("b", { v: "2" }), ...maps("c", "shared")], { generation: 2 });
    await reported("second", { generation: 2, phase: "Failed" });
    expect((await live("b"))?.data).toEqual({ v: "1" });
    expect(await live("c")).toBeNull();
    expect(await live("gone")).not.toBeNull();
  });

  test("of another Project is told without its name", async () => {
    world.startAgent();
    world.hub.assign("plans", maps("shared"), { generation: 1, project: "secret" });
    await applied("plans", 1);
    world.hub.assign("shop", maps("shared"), { generation: 1, project: "storefront", takesOverFrom: ["plans"] });
    await reported("shop", { phase: "Failed" });
    const told = JSON.stringify(world.hub.last("shop"));
    expect(told).toContain("belongs to an App of another Project");
    expect(told).not.toContain("secret");
    expect(told).not.toContain("plans");
  });

  test("goes to the one that came first, when both are new", async () => {
    // Neither is asked to apply before both know what they want.
    let bothAsked = () => {};
    const asked = new Promise<void>((resolve) => {
      bothAsked = resolve;
    });
    let reads = 0;
    const { api } = world.cluster;
    world.startAgent({
      cluster: {
        ...api,
        get: async (ref) => {
          if (ref.name === "shared" || ref.name === "elder-only" || ref.name === "younger-only") {
            reads += 1;
            if (reads >= 4) bothAsked();
            await asked;
            // The younger one is always through first.
            if (ref.name === "elder-only") await new Promise((resolve) => setTimeout(resolve, 30));
          }
          return api.get(ref);
        },
      },
    });
    world.hub.assign("elder", maps("elder-only", "shared"), { generation: 1 });
    world.hub.assign("younger", maps("younger-only", "shared"), { generation: 1 });
    await applied("elder", 1);
    await reported("younger", { phase: "Failed" });
    expect(await ownerOf("shared")).toBe(hashOf("elder"));
    expect(await live("younger-only")).toBeNull();
  });
});

describe("an App that takes over from another", () => {
  const takes = (generation: number, ...from: string[]): AssignOptions => ({ generation, takesOverFrom: from });

  test("gets the objects as they are, and the other deletes none when it drops them", async () => {
    const { cluster, deleted } = noteDeletes();
    world.startAgent({ cluster });
    world.hub.assign("old", maps("a", "b"), { generation: 1 });
    await applied("old", 1);
    const before = (await live("a"))?.metadata.uid;
    world.hub.assign("new", maps("a"), takes(1, "old"));
    await applied("new", 1);
    expect(await ownerOf("a")).toBe(hashOf("new"));
    await reported("old", { generation: 1, phase: "Failed" });
    world.hub.assign("old", maps("b"), { generation: 2 });
    await applied("old", 2);
    expect((await live("a"))?.metadata.uid).toBe(before);
    expect(await ownerOf("b")).toBe(hashOf("old"));
    expect(deleted).toEqual([]);
    // It owns what it took: what leaves its bundle leaves the cluster.
    world.hub.assign("new", maps("c"), takes(2, "old"));
    await applied("new", 2);
    expect(deleted).toEqual(["a"]);
  });

  test("is waited for by the tombstone of the other, which deletes only what is left", async () => {
    const { cluster, deleted } = noteDeletes();
    world.startAgent({ cluster });
    world.hub.assign("old", maps("a", "b", "unwanted"), { generation: 1 });
    await applied("old", 1);
    const uids = await Promise.all(["a", "b"].map(async (name) => (await live(name))?.metadata.uid));
    const bundle = world.hub.run("new", maps("a", "b"), takes(1, "old"));
    // The new App's bundle is still on its way when the tombstone comes.
    const [digest, bytes] = [...world.hub.bundles].at(-1) as [never, Uint8Array];
    world.hub.bundles.delete(digest);
    world.hub.give(bundle);
    world.hub.remove("old", "delete", { generation: 2 });
    await reported("old", { generation: 2, phase: "Pruning" });
    expect(deleted).toEqual([]);
    world.hub.bundles.set(digest, bytes);
    await applied("new", 1);
    await reported("old", { phase: "Removed" });
    expect(deleted).toEqual(["unwanted"]);
    expect(await Promise.all(["a", "b"].map(async (name) => (await live(name))?.metadata.uid))).toEqual(uids);
  });

  test("inherits what a tombstone kept", async () => {
    world.startAgent();
    world.hub.assign("old", maps("a"), { generation: 1 });
    await applied("old", 1);
    const before = (await live("a"))?.metadata.uid;
    world.hub.remove("old", "keep", { generation: 2 });
    await reported("old", { phase: "Removed" });
    world.hub.assign("new", maps("a"), takes(1, "old"));
    await applied("new", 1);
    expect((await live("a"))?.metadata.uid).toBe(before);
    expect(await ownerOf("a")).toBe(hashOf("new"));
  });

  test("and gives to it at the same time: neither waits for ever", async () => {
    const { cluster, deleted } = noteDeletes();
    world.startAgent({ cluster });
    world.hub.assign("left", maps("a", "x"), { generation: 1 });
    world.hub.assign("right", maps("b", "y"), { generation: 1 });
    await applied("left", 1);
    await applied("right", 1);
    world.hub.assign("left", maps("a", "y"), takes(2, "right"));
    world.hub.assign("right", maps("b", "x"), takes(2, "left"));
    await applied("left", 2);
    await applied("right", 2);
    expect([await ownerOf("x"), await ownerOf("y")]).toEqual([hashOf("right"), hashOf("left")]);
    expect(deleted).toEqual([]);
  });

  test("has them after a restart between the two writes, whoever's record names them", async () => {
    const { cluster, deleted } = noteDeletes();
    const agent = world.startAgent({ cluster });
    world.hub.assign("old", maps("a", "b"), { generation: 1 });
    await applied("old", 1);
    world.hub.assign("new", maps("a"), takes(1, "old"));
    await applied("new", 1);
    await agent.stop();
    world.startAgent({ cluster });
    world.hub.assign("old", maps("b"), { generation: 2 });
    world.hub.remove("old", "delete", { generation: 3 });
    await reported("old", { phase: "Removed" });
    expect(deleted).toEqual(["b"]);
    world.hub.assign("new", [configMap("a", { v: "2" })], takes(2, "old"));
    await applied("new", 2);
    expect(await ownerOf("a")).toBe(hashOf("new"));
  });
});
