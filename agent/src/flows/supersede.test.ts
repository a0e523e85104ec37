import { AppError } from "@muster/shared/errors.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSecretState } from "../adapters/state/secret-state.ts";
import type { ClusterApi } from "../ports/cluster-api.ts";
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

/** Holds every call of one kind back until it is opened. */
function gate(cluster: ClusterApi, call: "apply" | "delete") {
  let isShut = false;
  let waiting: (() => void)[] = [];
  const held = { count: 0 };
  const pass = async (): Promise<void> => {
    if (!isShut) return;
    held.count += 1;
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const api: ClusterApi = {
    ...cluster,
    [call]: async (...args: unknown[]) => {
      await pass();
      return (cluster[call] as (...all: unknown[]) => Promise<unknown>)(...args);
    },
  };
  return {
    api,
    held,
    shut: () => {
      isShut = true;
    },
    open: () => {
      isShut = false;
      for (const go of waiting) go();
      waiting = [];
    },
  };
}

describe("a newer assignment", () => {
  test("is never reported with the state of the former one", async () => {
    const deletes = gate(world.cluster.api, "delete");
    world.startAgent({ cluster: deletes.api });
    world.hub.assign("shop", [configMap("a", {}), configMap("b", {})], { generation: 1 });
    await applied("shop", 1);
    deletes.shut();
    world.hub.assign("shop", [configMap("a", { now: "2" })], { generation: 2 });
    await until(() => expect(deletes.held.count).toBe(1));
    const refusal = new AppError("invalid", "no");
    world.cluster.faults.refuse(
      ({ verb, kind }) => verb === "patch" && kind === "ConfigMap",
      () => refusal,
    );
    world.hub.assign("shop", [configMap("a", { now: "3" })], { generation: 3 });
    deletes.open();
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 3, phase: "Failed" }));
    const green = world.hub.reports.filter((told) => told.generation === 3 && told.phase === "Applied");
    expect(green).toEqual([]);
  });

  test("ends the wait for a bundle that does not come", async () => {
    world.startAgent();
    await until(() => expect(world.hub.connections.size).toBe(1));
    world.hub.chunksOf = () => [new AppError("unavailable", "cut")];
    world.hub.assign("shop", [configMap("a", { now: "1" })], { generation: 1 });
    await until(() => expect(world.hub.fetches.length).toBeGreaterThan(0));
    world.hub.chunksOf = (bytes) => [bytes];
    world.hub.assign("shop", [configMap("a", { now: "2" })], { generation: 2 });
    await applied("shop", 2);
    expect((await world.live("ConfigMap", "a"))?.data).toEqual({ now: "2" });
  });

  test("is not stuck behind a failing one", async () => {
    world.startAgent();
    const lift = world.cluster.faults.refuse(
      ({ verb, name }) => verb === "patch" && name === "bad",
      () => new AppError("invalid", "no"),
    );
    world.hub.assign("shop", [configMap("bad", {})], { generation: 1 });
    await until(() => expect(world.hub.withPhase("shop", "Failed").length).toBeGreaterThan(0));
    world.hub.assign("shop", [configMap("good", {})], { generation: 2 });
    await applied("shop", 2);
    lift();
  });

  test("that places an App again stops its removal", async () => {
    const deletes = gate(world.cluster.api, "delete");
    world.startAgent({ cluster: deletes.api });
    world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await applied("shop", 1);
    deletes.shut();
    world.hub.remove("shop", "delete", { generation: 2 });
    await until(() => expect(deletes.held.count).toBe(1));
    world.hub.assign("shop", [configMap("a", { back: "1" })], { generation: 3 });
    deletes.open();
    await applied("shop", 3);
    expect((await world.live("ConfigMap", "a"))?.data).toEqual({ back: "1" });
    expect(world.hub.withPhase("shop", "Removed")).toEqual([]);
  });
});

describe("Apps that wait for their bundles", () => {
  test("keep nobody else from being healed, however many they are", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { now: "1" })], { generation: 1 });
    await applied("shop", 1);
    world.hub.chunksOf = () => [new AppError("unavailable", "cut")];
    for (let i = 0; i < 20; i++) world.hub.assign(`waiting-${i}`, [configMap(`w${i}`, {})], { generation: 1 });
    await until(() => expect(world.hub.fetches.length).toBeGreaterThan(3));
    await world.cluster
      .asUser("somebody")
      .update({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" }, (object) => {
        object.data.now = "2";
      });
    await until(async () => expect((await world.live("ConfigMap", "a"))?.data).toEqual({ now: "1" }));
    world.hub.chunksOf = (bytes) => [bytes];
    for (let i = 0; i < 20; i++) await applied(`waiting-${i}`, 1);
  });
});

describe("a removal", () => {
  test("that is called off deletes nothing more", async () => {
    const deletes = gate(world.cluster.api, "delete");
    world.startAgent({ cluster: deletes.api });
    const many = Array.from({ length: 30 }, (_, i) => configMap(`m${i}`, {}));
    world.hub.assign("shop", many, { generation: 1 });
    await applied("shop", 1);
    const uidsBefore = await Promise.all(
      many.map(async (_, i) => (await world.live("ConfigMap", `m${i}`))?.metadata.uid),
    );
    deletes.shut();
    world.hub.remove("shop", "delete", { generation: 2 });
    await until(() => expect(deletes.held.count).toBeGreaterThan(0));
    world.hub.assign("shop", many, { generation: 3 });
    deletes.open();
    await applied("shop", 3);
    const uids = await Promise.all(many.map(async (_, i) => (await world.live("ConfigMap", `m${i}`))?.metadata.uid));
    expect(uids.filter((uid, i) => uid !== uidsBefore[i]).length).toBeLessThanOrEqual(8);
  });

  test("whose App is placed again while its record is being forgotten forgets nothing", async () => {
    let shut: PromiseWithResolvers<void> | null = null;
    let isHeld = false;
    const state = createSecretState({ cluster: world.cluster.api, namespace: "muster-system", instance: "agent-1" });
    world.startAgent({
      over: {
        state: {
          ...state,
          remove: async (...args) => {
            isHeld = true;
            await shut?.promise;
            return state.remove(...args);
          },
        },
      },
    });
    world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await applied("shop", 1);
    shut = Promise.withResolvers();
    world.hub.remove("shop", "delete", { generation: 2 });
    await until(() => expect(isHeld).toBe(true));
    world.hub.assign("shop", [configMap("a", { back: "1" })], { generation: 3 });
    await new Promise((resolve) => setImmediate(resolve));
    shut.resolve();
    await applied("shop", 3);
    const stored = await state.load({ fence: Date.now() * 2 });
    expect(stored).toMatchObject({ records: [{ mark: { generation: 3 } }], removed: [] });
  });
});

describe("losing the Lease", () => {
  test("aborts what is under way, and nothing is written before another acts", async () => {
    let signal: AbortSignal | undefined;
    const api: ClusterApi = {
      ...world.cluster.api,
      apply: (_ref, _body, opts) =>
        new Promise((_, reject) => {
          signal = opts.signal;
          opts.signal?.addEventListener("abort", () => reject(new AppError("cancelled", "aborted")));
        }),
    };
    const agent = world.startAgent({ cluster: api });
    world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await until(() => expect(signal).toBeDefined());
    world.startAgent();
    world.leases.lose();
    expect(signal?.aborted).toBe(true);
    await until(() => expect(agent.status().isActing).toBe(false));
    await applied("shop", 1);
  });
});

describe("an API server that is away", () => {
  test("is no reason to be away from the hub: the link is made anew, and tells it", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await applied("shop", 1);
    world.cluster.faults.setUnavailable(true);
    const greeted = world.hub.hellos.length;
    world.hub.cut();
    await until(() => expect(world.hub.hellos.length).toBeGreaterThan(greeted));
    world.hub.assign("shop", [configMap("a", { now: "2" })], { generation: 2 });
    await until(() =>
      expect(world.hub.last("shop")).toMatchObject({
        generation: 2,
        phase: "Failed",
        problems: [{ code: "ClusterUnavailable" }],
      }),
    );
    world.cluster.faults.setUnavailable(false);
    await applied("shop", 2);
  });
});

describe("a process that stood still", () => {
  test("writes nothing when it goes on, although nobody has told it yet that the Lease ran out", async () => {
    const applies = gate(world.cluster.api, "apply");
    const agent = world.startAgent({ cluster: applies.api });
    world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await applied("shop", 1);
    applies.shut();
    const many = Array.from({ length: 20 }, (_, i) => configMap(`m${i}`, {}));
    world.hub.assign("shop", many, { generation: 2 });
    await until(() => expect(applies.held.count).toBe(8));
    world.leases.isHeld = false;
    applies.open();
    await until(() => expect(agent.status().apps[0]?.phase).toBe("Failed"));
    // What had left before it stood still, and nothing of what was to follow.
    expect(applies.held.count).toBe(8);
    expect(await world.live("ConfigMap", "m9")).toBeNull();
    expect(await world.live("ConfigMap", "a")).not.toBeNull();
  });
});

describe("a slow removal", () => {
  test("is told as Removed only when everything is really gone", async () => {
    world.startAgent();
    const held = configMap("held", {}, { finalizers: ["example.com/hold"] });
    world.hub.assign("shop", [held, configMap("free", {})], { generation: 1 });
    await applied("shop", 1);
    world.hub.remove("shop", "delete", { generation: 2 });
    await until(async () => expect(await world.live("ConfigMap", "free")).toBeNull());
    await until(() => expect(world.hub.last("shop")?.phase).toBe("Pruning"));
    expect(world.hub.withPhase("shop", "Removed")).toEqual([]);
    await until(() => expect(world.hub.last("shop")?.counts.pruned).toBe(1));
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "held" };
    await world.cluster.asUser("controller").update(ref, (object) => {
      object.metadata.finalizers = [];
    });
    await until(() => expect(world.hub.last("shop")?.phase).toBe("Removed"));
    expect(world.hub.last("shop")?.counts.pruned).toBe(2);
  });

  test("with action keep leaves everything where it is", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await applied("shop", 1);
    world.hub.remove("shop", "keep", { generation: 2 });
    await until(() => expect(world.hub.last("shop")?.phase).toBe("Removed"));
    expect(await world.live("ConfigMap", "a")).not.toBeNull();
  });
});
