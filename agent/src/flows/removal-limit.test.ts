import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { configMap } from "../testing/fake-hub.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 2 });
const three = ["a", "b", "c"].map((name) => configMap(name, {}));
const unasked = { approval: null, objectsMax: 1 };
const approved = { approval: "ap-1", objectsMax: 1 };
const isThere = async (name: string) =>
  (await world.cluster.api.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name })) !== null;
const applied = (generation: number) =>
  until(() => expect(world.hub.last("shop")).toMatchObject({ generation, phase: "Applied", health: "Healthy" }));

describe("more objects than an assignment may delete", () => {
  beforeEach(async () => {
    world.startAgent();
    world.hub.assign("shop", three, { generation: 1, removal: unasked });
    await applied(1);
  });

  test("stay when they left the bundle, which is applied; and go when a person approved", async () => {
    world.hub.assign("shop", [configMap("a", { now: "2" })], { generation: 2, removal: unasked });
    await applied(2);
    expect(world.hub.last("shop")).toMatchObject({ sync: "OutOfSync", problems: [{ code: "RemovalNeedsApproval" }] });
    expect([await isThere("b"), await isThere("c")]).toEqual([true, true]);
    world.hub.assign("shop", [configMap("a", { now: "2" })], { generation: 3, removal: approved });
    await applied(3);
    expect(world.hub.last("shop")).toMatchObject({ sync: "Synced", problems: [], counts: { pruned: 2 } });
    expect([await isThere("a"), await isThere("b")]).toEqual([true, false]);
  });

  test("that are as many as allowed go unasked", async () => {
    world.hub.assign("shop", three.slice(1), { generation: 2, removal: unasked });
    await until(async () => expect(await isThere("a")).toBe(false));
  });

  test("stay at a tombstone that allows fewer, and go at an approved one", async () => {
    world.hub.remove("shop", "delete", { generation: 2, removal: unasked });
    await until(() => {
      expect(world.hub.last("shop")).toMatchObject({ phase: "Failed", problems: [{ code: "RemovalNeedsApproval" }] });
    });
    expect([await isThere("a"), await isThere("b"), await isThere("c")]).toEqual([true, true, true]);
    world.hub.remove("shop", "delete", { generation: 3, removal: approved });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 3, phase: "Removed" }));
    expect([await isThere("a"), await isThere("b"), await isThere("c")]).toEqual([false, false, false]);
  });
});
