import { AppError } from "@muster/shared/errors.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { configMap } from "../testing/fake-hub.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 2 });
const applied = (name: string, generation: number) =>
  until(() => expect(world.hub.last(name)).toMatchObject({ generation, phase: "Applied", health: "Healthy" }));
const role = (metadata: object) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: "reader", ...metadata },
  rules: [],
});

describe("a namespace on an object of a cluster-scoped kind", () => {
  test("is no part of its identity: taking it away deletes nothing", async () => {
    const deleted: string[] = [];
    const api = {
      ...world.cluster.api,
      delete: async (...args: Parameters<typeof world.cluster.api.delete>) => {
        deleted.push(args[0].name);
        return world.cluster.api.delete(...args);
      },
    };
    world.startAgent({ cluster: api });
    world.hub.assign("shop", [role({ namespace: "shop" })], { generation: 1 });
    await applied("shop", 1);
    expect(world.hub.last("shop")?.objects[0]?.ref.namespace).toBe("");
    world.hub.assign("shop", [role({})], { generation: 2 });
    await applied("shop", 2);
    expect(deleted).toEqual([]);
  });

  test("does not hide drift on it", async () => {
    world.startAgent();
    const labels = { team: "a" };
    world.hub.assign("shop", [role({ namespace: "shop", labels })], { generation: 1 });
    await applied("shop", 1);
    const ref = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", namespace: "", name: "reader" };
    await world.cluster.asUser("somebody").update(ref, (object) => {
      object.metadata.labels.team = "b";
    });
    await until(async () => expect((await world.cluster.api.get(ref))?.metadata.labels?.team).toBe("a"));
  });
});

describe("objects that the destination's namespace makes one", () => {
  test("are refused as duplicates, and the others are applied", async () => {
    world.startAgent();
    const stated = configMap("a", { from: "stated" }, { namespace: "default" });
    world.hub.assign("shop", [configMap("a", { from: "filled in" }), stated, configMap("b", {})], { generation: 1 });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ phase: "Failed" }));
    expect(world.hub.last("shop")?.problems[0]).toMatchObject({ code: "DuplicateObject" });
    await until(async () => expect(await world.live("ConfigMap", "b")).not.toBeNull());
    expect(await world.live("ConfigMap", "a")).toBeNull();
  });
});

describe("the destination's namespace", () => {
  test("is left to the bundle that holds it, so that it is owned even when the first attempt fails", async () => {
    world.startAgent();
    const lift = world.cluster.faults.refuse(
      ({ verb }) => verb === "patch",
      () => new AppError("unavailable", "no contact"),
    );
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "fresh" } };
    const destination = { namespace: "fresh", createNamespace: true };
    world.hub.assign("shop", [namespace, configMap("a", {})], { generation: 1, destination });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ phase: "Failed" }));
    lift();
    await applied("shop", 1);
  });

  test("that changed is not taken for drift when the change was interrupted", async () => {
    await world.cluster.asUser("admin").create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "other" } });
    world.startAgent();
    const sync = { drift: "warn" } as const;
    world.hub.assign("shop", [configMap("a", {})], { generation: 1, sync });
    await applied("shop", 1);
    const lift = world.cluster.faults.refuse(
      ({ verb, kind }) => verb === "patch" && kind === "ConfigMap",
      () => new AppError("unavailable", "no contact"),
    );
    world.hub.assign("shop", [configMap("a", {})], { generation: 2, sync, destination: { namespace: "other" } });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 2, phase: "Failed" }));
    lift();
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 2, phase: "Applied" }));
    expect(await world.live("ConfigMap", "a", { namespace: "other" })).not.toBeNull();
    await until(async () => expect(await world.live("ConfigMap", "a")).toBeNull());
  });
});
