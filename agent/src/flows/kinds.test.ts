import { AppError } from "@muster/shared/errors.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { configMap, type Manifest } from "../testing/fake-hub.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 2 });
const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
const definition = (...served: string[]): Manifest => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { kind: "Widget", plural: "widgets", singular: "widget", listKind: "WidgetList" },
    versions: served.map((name, i) => ({ name, served: true, storage: i === 0, schema })),
  },
});
const widget = (version: string, size: number): Manifest => ({
  apiVersion: `example.com/${version}`,
  kind: "Widget",
  metadata: { name: "w" },
  spec: { size },
});
const sizeOf = async (version: string) => {
  const found = await world.live("Widget", "w", { apiVersion: `example.com/${version}` });
  return (found?.spec as { size?: number } | undefined)?.size;
};
const resize = (version: string, size: number) =>
  world.cluster
    .asUser("somebody")
    .update({ apiVersion: `example.com/${version}`, kind: "Widget", namespace: "default", name: "w" }, (object) => {
      object.spec.size = size;
    });
/** By the watch: well before an object without status is looked at again for its health. */
const healed = async () => {
  await resize("v1", 7);
  await vi.waitFor(async () => expect(await sizeOf("v1")).toBe(1), { timeout: 3_000, interval: 2 });
};
const applied = (generation: number) =>
  until(() => expect(world.hub.last("shop")).toMatchObject({ generation, phase: "Applied", sync: "Synced" }));

describe("a kind that comes with its first object", () => {
  test("is watched from then on: drift on it is healed", async () => {
    world.startAgent();
    world.hub.assign("shop", [definition("v1"), widget("v1", 1)], { generation: 1 });
    await applied(1);
    await healed();
  });
});

describe("a kind whose API version ends", () => {
  test("is watched in the new one", async () => {
    let isEnded = false;
    const { api } = world.cluster;
    const ends: AbortController[] = [];
    world.startAgent({
      cluster: {
        ...api,
        // As an API server that does not serve v1alpha1 any more: it ends what is watched, and refuses to begin anew.
        async *watch(kind, opts) {
          const gone = () => new AppError("unsupported", "the cluster has no kind Widget in example.com/v1alpha1");
          const isOld = kind.apiVersion === "example.com/v1alpha1";
          if (isOld && isEnded) throw gone();
          const end = new AbortController();
          if (isOld) ends.push(end);
          yield* api.watch(kind, { ...opts, signal: AbortSignal.any([opts.signal, end.signal]) });
          if (end.signal.aborted) throw gone();
        },
      },
    });
    world.hub.assign("shop", [definition("v1alpha1", "v1"), widget("v1alpha1", 1)], { generation: 1 });
    await applied(1);
    world.hub.assign("shop", [definition("v1alpha1", "v1"), widget("v1", 1)], { generation: 2 });
    await applied(2);
    isEnded = true;
    expect(ends.length).toBeGreaterThan(0);
    for (const end of ends) end.abort();
    await healed();
  });
});

describe("an object whose kind cannot be looked up now", () => {
  const others = configMap("other", {});
  test("keeps no other from being applied", async () => {
    const { api } = world.cluster;
    world.startAgent({
      cluster: {
        ...api,
        resolve: async (apiVersion, kind) => {
          if (kind === "Metric") throw new AppError("unavailable", `kinds of ${apiVersion}: the server is away`);
          return api.resolve(apiVersion, kind);
        },
      },
    });
    const metric = { apiVersion: "metrics.example.com/v1", kind: "Metric", metadata: { name: "m" } };
    world.hub.assign("shop", [metric, others], { generation: 1 });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ phase: "Failed" }));
    await until(async () => expect(await world.live("ConfigMap", "other")).not.toBeNull());
    expect(world.hub.last("shop")?.problems[0]).toMatchObject({
      code: "ClusterUnavailable",
      where: { object: { name: "m" } },
    });
  });
});

describe("two new Apps that want one object at the same moment", () => {
  test("never both get it: the first that begins owns it, the other says whose it is", async () => {
    world.startAgent();
    world.hub.assign("one", [configMap("same", { of: "one" })], { generation: 1 });
    world.hub.assign("two", [configMap("same", { of: "two" })], { generation: 1 });
    const phases = () => ["one", "two"].map((name) => world.hub.last(name)?.phase).toSorted();
    await until(() => expect(phases()).toEqual(["Applied", "Failed"]));
    const [loser = "", winner] = world.hub.last("one")?.phase === "Failed" ? ["one", "two"] : ["two", "one"];
    expect(world.hub.last(loser)?.problems[0]).toMatchObject({ code: "NotOwned" });
    expect(world.hub.last(loser)?.message).toContain(`belongs to default/${winner}`);
    expect(world.hub.withPhase(loser, "Applied")).toEqual([]);
    expect((await world.live("ConfigMap", "same"))?.data).toEqual({ of: winner });
  });
});
