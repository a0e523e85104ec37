import { AppError } from "@muster/shared/errors.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type AgentWorld, createAgentWorld } from "./testing/agent-world.ts";
import { configMap } from "./testing/fake-hub.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 5 });
const applied = (name: string, generation: number) =>
  until(() =>
    expect(world.hub.last(name)).toMatchObject({ generation, phase: "Applied", sync: "Synced", health: "Healthy" }),
  );
const dataOf = async (name: string) => (await world.live("ConfigMap", name))?.data;

describe("an assignment", () => {
  test("is applied with owner label and annotation, and reported Healthy", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "1" }), configMap("b", { y: "2" })], { generation: 1 });
    await applied("shop", 1);
    expect(await world.live("ConfigMap", "a")).toMatchObject({
      data: { x: "1" },
      metadata: {
        namespace: "default",
        labels: { "muster.dev/owner": expect.stringMatching(/^[0-9a-f]{20}$/) },
        annotations: { "muster.dev/app": "default/shop" },
      },
    });
    expect(world.hub.last("shop")?.counts).toEqual({ objects: 2, synced: 2, healthy: 2, pruned: 0 });
  });

  test("that leaves objects out prunes them, from the inventory only", async () => {
    world.startAgent();
    await world.cluster.asUser("somebody").create({ ...configMap("foreign", {}, { namespace: "default" }) });
    world.hub.assign("shop", [configMap("a", {}), configMap("b", {})], { generation: 1 });
    await applied("shop", 1);
    world.hub.assign("shop", [configMap("b", { now: "changed" })], { generation: 2 });
    await applied("shop", 2);
    expect(await world.live("ConfigMap", "a")).toBeNull();
    expect(await dataOf("b")).toEqual({ now: "changed" });
    expect(await world.live("ConfigMap", "foreign")).not.toBeNull();
    expect(world.hub.last("shop")?.counts.pruned).toBe(1);
  });

  test("with an empty bundle deletes nothing", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await applied("shop", 1);
    world.hub.assign("shop", [], { generation: 2 });
    await until(() =>
      expect(world.hub.last("shop")).toMatchObject({ generation: 2, phase: "Applied", sync: "OutOfSync" }),
    );
    expect(await world.live("ConfigMap", "a")).not.toBeNull();
  });

  test("keeps what says so, and never prunes what needs consent without it", async () => {
    world.startAgent();
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    };
    const kept = configMap("kept", {}, { annotations: { "muster.dev/prune": "false" } });
    world.hub.assign("shop", [configMap("a", {}), kept, claim], { generation: 1 });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 1, phase: "Applied" }));
    world.hub.assign("shop", [configMap("a", {})], { generation: 2 });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 2, phase: "Applied" }));
    expect(await world.live("ConfigMap", "kept")).not.toBeNull();
    expect(await world.live("PersistentVolumeClaim", "data")).not.toBeNull();
    expect(world.hub.last("shop")?.message).toContain("only with consent");
    await world.cluster
      .asUser("admin")
      .update({ apiVersion: "v1", kind: "PersistentVolumeClaim", namespace: "default", name: "data" }, (object) => {
        object.metadata.annotations["muster.dev/prune"] = "true";
      });
    // As the message says: that is all that it takes.
    await until(async () => expect(await world.live("PersistentVolumeClaim", "data")).toBeNull());
    await applied("shop", 2);
  });

  test("makes its namespace when told to, and never owns it", async () => {
    world.startAgent();
    const destination = { namespace: "fresh", createNamespace: true };
    world.hub.assign("shop", [configMap("a", {})], { generation: 1, destination });
    await applied("shop", 1);
    world.hub.remove("shop", "delete", { generation: 2 });
    await until(() => expect(world.hub.last("shop")?.phase).toBe("Removed"));
    expect(await world.live("ConfigMap", "a", { namespace: "fresh" })).toBeNull();
    expect(await world.live("Namespace", "fresh", { namespace: "" })).toMatchObject({ metadata: { name: "fresh" } });
  });

  test("whose namespace is missing says so and what to do, and goes through once it is there", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", {})], { generation: 1, destination: { namespace: "later" } });
    await until(() => expect(world.hub.last("shop")?.problems[0]?.code).toBe("NamespaceMissing"));
    expect(world.hub.last("shop")).toMatchObject({ phase: "Failed", sync: "OutOfSync", health: "Unknown" });
    expect(world.hub.last("shop")?.problems[0]?.fix).toContain("createNamespace: true");
    await world.cluster.asUser("admin").create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "later" } });
    await applied("shop", 1);
  });

  test("brings a definition and its objects in one go", async () => {
    world.startAgent();
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { kind: "Widget", plural: "widgets", singular: "widget", listKind: "WidgetList" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        ],
      },
    };
    const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" }, spec: { size: 1 } };
    world.hub.assign("shop", [definition, widget], { generation: 1 });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ phase: "Applied", sync: "Synced" }));
    expect(await world.live("Widget", "w", { apiVersion: "example.com/v1" })).not.toBeNull();
  });
});

describe("what is refused leaves the former in force", () => {
  test.each([
    ["an older one", "GenerationOlder", () => world.hub.run("shop", [configMap("a", { x: "old" })], { generation: 1 })],
    [
      "another of the same generation",
      "GenerationForked",
      () => world.hub.run("shop", [configMap("a", { x: "other" })], { generation: 2 }),
    ],
    [
      "one of a forked epoch",
      "EpochUnknown",
      () => world.hub.run("shop", [configMap("a", {})], { generation: 9, epoch: { number: 1, tag: "other" } }),
    ],
    [
      "one for another cluster",
      "WrongCluster",
      () => world.hub.run("shop", [configMap("a", {})], { generation: 9, clusterId: "cluster-2" }),
    ],
    [
      "one of another hub",
      "WrongHub",
      () => world.hub.run("shop", [configMap("a", {})], { generation: 9, hubId: "hub-2" }),
    ],
    [
      "one that needs more than this agent can",
      "CapabilityMissing",
      () => world.hub.run("shop", [configMap("a", {})], { generation: 9, requires: ["apply/v9"] }),
    ],
  ])("%s", async (_, code, make) => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "2" })], { generation: 2 });
    await applied("shop", 2);
    world.hub.send(make());
    await until(() => expect(world.hub.withPhase("shop", "Refused")[0]?.problems[0]?.code).toBe(code));
    expect(await dataOf("a")).toEqual({ x: "2" });
  });

  test("an altered one, one signed by a stranger, and one without sense", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "2" })], { generation: 2 });
    await applied("shop", 2);
    const next = world.hub.run("shop", [configMap("a", { x: "3" })], { generation: 3 });
    world.hub.send({ ...next, signature: next.signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) });
    await until(() => expect(world.hub.withPhase("shop", "Refused")[0]?.problems[0]?.code).toBe("SignatureInvalid"));
    world.hub.send({ ...next, keyId: "ed25519:unheard-of" });
    await until(() => expect(world.hub.withPhase("shop", "Refused").at(-1)?.problems[0]?.code).toBe("KeyUnknown"));
    world.hub.send({ ...next, payload: new Uint8Array([1, 2, 3]) });
    world.hub.assign("shop", [configMap("a", { x: "4" })], { generation: 4 });
    await applied("shop", 4);
    expect(await dataOf("a")).toEqual({ x: "4" });
  });

  test("a bundle with one flipped byte; it is fetched again", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "1" })], { generation: 1 });
    await applied("shop", 1);
    let flips = 1;
    world.hub.chunksOf = (bytes) => [
      flips-- > 0 ? bytes.map((byte, i) => (i === bytes.length - 9 ? byte ^ 1 : byte)) : bytes,
    ];
    world.hub.assign("shop", [configMap("a", { x: "2" })], { generation: 2 });
    await until(() => expect(world.hub.withPhase("shop", "Failed")[0]?.problems[0]?.code).toBe("DigestMismatch"));
    await applied("shop", 2);
    expect(await dataOf("a")).toEqual({ x: "2" });
  });

  test("an older one after the App was removed", async () => {
    world.startAgent();
    const first = world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await applied("shop", 1);
    world.hub.remove("shop", "delete", { generation: 2 });
    await until(() => expect(world.hub.last("shop")?.phase).toBe("Removed"));
    world.hub.send(first);
    await until(() => expect(world.hub.withPhase("shop", "Refused")[0]?.problems[0]?.code).toBe("GenerationOlder"));
    expect(await world.live("ConfigMap", "a")).toBeNull();
  });
});

describe("a bundle download", () => {
  test("goes on where it was cut", async () => {
    world.startAgent();
    await until(() => expect(world.hub.connections.size).toBe(1));
    world.hub.chunksOf = (bytes) => [
      bytes.subarray(0, 20),
      ...(bytes.length > 60 ? [new AppError("unavailable", "cut")] : [bytes.subarray(20)]),
    ];
    world.hub.assign("shop", [configMap("a", { long: "x".repeat(101) })], { generation: 1 });
    await applied("shop", 1);
    expect(new Set(world.hub.fetches.map(({ offset }) => offset)).size).toBeGreaterThan(2);
  });
});

describe("drift", () => {
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" };

  test("is healed and told: field, values, who", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "1" })], { generation: 1 });
    await applied("shop", 1);
    await world.cluster.asUser("kubectl-edit").update(ref, (object) => {
      object.data.x = "by hand";
    });
    await until(async () => expect(await dataOf("a")).toEqual({ x: "1" }));
    await until(() => expect(world.hub.last("shop")?.drift).toHaveLength(1));
    expect(world.hub.last("shop")?.drift[0]).toMatchObject({
      field: "data.x",
      expected: "1",
      found: "by hand",
      manager: "kubectl-edit",
      healedAt: expect.any(Number),
    });
  });

  test("of a deleted object makes it again", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "1" })], { generation: 1 });
    await applied("shop", 1);
    await world.cluster.asUser("kubectl").delete(ref, {});
    await until(async () => expect(await dataOf("a")).toEqual({ x: "1" }));
    await until(() => expect(world.hub.last("shop")?.drift[0]?.found).toBe("deleted"));
  });

  test("of the owner label is healed: stripping it does not take an object away", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "1" })], { generation: 1 });
    await applied("shop", 1);
    await world.cluster.asUser("kubectl").update(ref, (object) => {
      object.metadata.labels = {};
    });
    await until(async () =>
      expect((await world.live("ConfigMap", "a"))?.metadata.labels).toHaveProperty(["muster.dev/owner"]),
    );
  });

  test("is only told when the App says warn, and left alone when off; what others add is no drift", async () => {
    world.startAgent();
    world.hub.assign("warned", [configMap("a", { x: "1" })], { generation: 1, sync: { drift: "warn" } });
    world.hub.assign("ignored", [configMap("b", { x: "1" })], { generation: 1, sync: { drift: "off" } });
    await applied("warned", 1);
    await applied("ignored", 1);
    for (const name of ["a", "b"]) {
      await world.cluster.asUser("kubectl-edit").update({ ...ref, name }, (object) => {
        object.data.x = "2";
        object.data.extra = "theirs";
      });
    }
    await until(() => expect(world.hub.last("warned")).toMatchObject({ sync: "OutOfSync", phase: "Applied" }));
    expect(world.hub.last("warned")?.drift).toMatchObject([{ field: "data.x", healedAt: null }]);
    expect(await dataOf("a")).toEqual({ x: "2", extra: "theirs" });
    expect(await dataOf("b")).toEqual({ x: "2", extra: "theirs" });
    expect(world.hub.last("ignored")).toMatchObject({ sync: "Synced", drift: [] });
    // A new release still goes out.
    world.hub.assign("warned", [configMap("a", { x: "3" })], { generation: 2, sync: { drift: "warn" } });
    await applied("warned", 2);
    expect(await dataOf("a")).toEqual({ x: "3", extra: "theirs" });
  });

  test("values of Secrets are not told", async () => {
    world.startAgent();
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { password: "swordfish" } };
    world.hub.assign("shop", [secret], { generation: 1 });
    await applied("shop", 1);
    await world.cluster.asUser("kubectl-edit").update({ ...ref, kind: "Secret", name: "s" }, (object) => {
      object.data.password = Buffer.from("guessed").toString("base64");
    });
    await until(() => expect(world.hub.last("shop")?.drift).toHaveLength(1));
    const told = JSON.stringify(world.hub.reports);
    for (const value of ["swordfish", "guessed"]) {
      expect(told).not.toContain(value);
      expect(told).not.toContain(Buffer.from(value).toString("base64"));
    }
  });
});

describe("ownership", () => {
  test("what nobody's App made is not touched, and reported; adopt all takes it over", async () => {
    world.startAgent();
    await world.cluster.asUser("somebody").create(configMap("a", { x: "theirs" }, { namespace: "default" }));
    world.hub.assign("shop", [configMap("a", { x: "ours" }), configMap("b", {})], { generation: 1 });
    await until(() => expect(world.hub.last("shop")?.problems[0]?.code).toBe("NotOwned"));
    expect(await dataOf("a")).toEqual({ x: "theirs" });
    expect(await dataOf("b")).toEqual({});
    world.hub.assign("shop", [configMap("a", { x: "ours" }), configMap("b", {})], {
      generation: 2,
      sync: { adopt: "all" },
    });
    await applied("shop", 2);
    expect(await dataOf("a")).toEqual({ x: "ours" });
  });

  test("of two Apps the first keeps the object, and nothing of the newcomer is applied", async () => {
    world.startAgent();
    world.hub.assign("first", [configMap("a", { x: "first" })], { generation: 1 });
    await applied("first", 1);
    world.hub.assign("second", [configMap("a", { x: "second" }), configMap("own", {})], {
      generation: 1,
      sync: { adopt: "all" },
    });
    await until(() => expect(world.hub.last("second")?.problems[0]?.code).toBe("NotOwned"));
    expect(await dataOf("a")).toEqual({ x: "first" });
    expect(await world.live("ConfigMap", "own")).toBeNull();
    world.hub.remove("second", "delete", { generation: 2 });
    await until(() => expect(world.hub.last("second")?.phase).toBe("Removed"));
    expect(await dataOf("a")).toEqual({ x: "first" });
  });

  test("an App made again under its name inherits the objects, and the old one's tombstone deletes none", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "1" }), configMap("b", {})], { generation: 5, uid: "old" });
    await applied("old", 5);
    world.hub.assign("shop", [configMap("a", { x: "2" })], { generation: 1, uid: "new" });
    await applied("new", 1);
    world.hub.remove("shop", "delete", { generation: 6, uid: "old" });
    await until(() => expect(world.hub.last("old")?.phase).toBe("Removed"));
    expect(await dataOf("a")).toEqual({ x: "2" });
    // What the new one does not want went by its own prune.
    expect(await world.live("ConfigMap", "b")).toBeNull();
  });
});

describe("restarts", () => {
  test("a restarted agent without a hub holds the line from what it stored", async () => {
    const first = world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "1" })], { generation: 1 });
    await applied("shop", 1);
    // In the background: what was applied is reported first.
    const secrets = await world.cluster.api.resolve("v1", "Secret");
    const stored = () => world.cluster.api.list(secrets, { labelSelector: "muster.dev/bundle" });
    await until(async () => expect(await stored()).toHaveLength(1));
    await first.stop();
    world.hub.isReachable = false;
    world.hub.bundles.clear();
    await world.cluster
      .asUser("kubectl-edit")
      .update({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" }, (object) => {
        object.data.x = "while nobody looked";
      });
    const second = world.startAgent();
    await until(async () => expect(await dataOf("a")).toEqual({ x: "1" }));
    await until(() => expect(second.status().apps[0]).toMatchObject({ phase: "Applied", sync: "Synced" }));
    world.hub.isReachable = true;
    await until(() => expect(world.hub.hellos.at(-1)?.have[0]?.mark.generation).toBe(1));
    await until(() => expect(world.hub.last("shop")?.drift[0]?.manager).toBe("kubectl-edit"));
  });

  test("reports that a broken session did not take are told to the next one", async () => {
    world.startAgent();
    await until(() => expect(world.hub.connections.size).toBe(1));
    world.hub.assign("shop", [configMap("a", {})], { generation: 1 });
    await applied("shop", 1);
    world.hub.cut();
    world.hub.reports.length = 0;
    await applied("shop", 1);
  });

  test("of two agents one acts; when the Lease is lost the other goes on and the first writes nothing more", async () => {
    world.startAgent();
    const agents = [world.startAgent(), world.startAgent()];
    world.hub.assign("shop", [configMap("a", { x: "1" })], { generation: 1 });
    await applied("shop", 1);
    expect(agents.filter((agent) => agent.status().isActing)).toHaveLength(0);
    world.leases.lose();
    await until(() => expect(agents.some((agent) => agent.status().isActing)).toBe(true));
    world.hub.assign("shop", [configMap("a", { x: "2" })], { generation: 2 });
    await applied("shop", 2);
    expect(await dataOf("a")).toEqual({ x: "2" });
  });

  test("a hub's new signing key is trusted because the old one vouches for it", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { x: "1" })], { generation: 1 });
    await applied("shop", 1);
    const keySet = world.hub.rotate();
    for (const { send } of world.hub.connections) send({ kind: "key-set", keySet });
    world.hub.assign("shop", [configMap("a", { x: "2" })], { generation: 2 });
    await applied("shop", 2);
  });
});
