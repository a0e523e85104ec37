import type { Policy } from "@muster/shared/model/policy.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ServiceAccount } from "../ports/cluster-api.ts";
import { type AgentWorld, createAgentWorld } from "../testing/agent-world.ts";
import { configMap } from "../testing/fake-hub.ts";

let world: AgentWorld;
beforeEach(() => {
  world = createAgentWorld();
});
afterEach(() => world.close());

const until = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 2 });
const policy = (over: Partial<Policy> = {}): Policy => ({
  namespaces: ["default", "shop-*"],
  kinds: { namespaced: ["ConfigMap"], cluster: [] },
  ...over,
});
const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "token" } };
const role = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: "reader" },
  rules: [],
};
const widget = (metadata: object = {}) => ({
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { name: "w", ...metadata },
});

describe("what the Project forbids", () => {
  test.each([
    ["a kind", secret, /^Secret default\/token: Project default does not allow the kind Secret\.$/],
    ["a kind without a namespace", role, /^ClusterRole reader: .* has no namespace\.$/],
    ["a namespace", configMap("b", {}, { namespace: "kube-system" }), /does not allow the namespace kube-system/],
    ["a kind that the cluster does not know", widget(), /does not allow the kind Widget\.example\.com/],
  ])("is not applied, and nothing else of the App: %s", async (_what, object, message) => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", { v: "1" })], { generation: 1, policy: policy() });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 1, phase: "Applied" }));
    world.hub.assign("shop", [configMap("a", { v: "2" }), configMap("new", {}), object], {
      generation: 2,
      policy: policy(),
    });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 2, phase: "Failed" }));
    expect(world.hub.last("shop")?.problems[0]).toMatchObject({
      code: "ProjectForbids",
      message: expect.stringMatching(message),
    });
    expect((await world.live("ConfigMap", "a"))?.data).toEqual({ v: "1" });
    expect(await world.live("ConfigMap", "new")).toBeNull();
  });

  test("is applied once another assignment allows it", async () => {
    world.startAgent();
    world.hub.assign("shop", [secret], { generation: 1, policy: policy() });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 1, phase: "Failed" }));
    const wider = policy({ kinds: { namespaced: ["ConfigMap", "Secret"], cluster: [] } });
    world.hub.assign("shop", [secret], { generation: 2, policy: wider });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 2, phase: "Applied" }));
    expect(world.hub.last("shop")?.problems).toEqual([]);
  });

  test("is no namespace that would be made for it", async () => {
    world.startAgent();
    world.hub.assign("shop", [configMap("a", {}, { namespace: "default" })], {
      generation: 1,
      policy: policy(),
      destination: { namespace: "other", createNamespace: true },
    });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ phase: "Failed" }));
    expect(world.hub.last("shop")?.problems[0]?.message).toBe(
      "spec.destination.namespace other: Project default does not allow the namespace other.",
    );
    expect(await world.live("Namespace", "other", { namespace: "" })).toBeNull();
  });

  test("is judged by the kind's real scope, whatever namespace the manifest states", async () => {
    world.startAgent();
    const hidden = { ...role, metadata: { ...role.metadata, namespace: "default" } };
    const all = policy({ kinds: { namespaced: ["*"], cluster: [] } });
    world.hub.assign("shop", [hidden], { generation: 1, policy: all });
    await until(() => expect(world.hub.last("shop")).toMatchObject({ phase: "Failed" }));
    expect(world.hub.last("shop")?.problems[0]?.code).toBe("ProjectForbids");
  });
});

test("everything is written and deleted as the Project's service account, its removal after a restart too", async () => {
  const writes: (readonly [string, string, ServiceAccount | undefined])[] = [];
  const { api } = world.cluster;
  const noting = {
    ...api,
    apply: (...args: Parameters<typeof api.apply>) => {
      writes.push(["apply", args[0].name, args[2].actAs]);
      return api.apply(...args);
    },
    delete: (...args: Parameters<typeof api.delete>) => {
      writes.push(["delete", args[0].name, args[1].actAs]);
      return api.delete(...args);
    },
  };
  const agent = world.startAgent({ cluster: noting });
  const rules = policy({ serviceAccount: "deployer" });
  const account = { namespace: "default", name: "deployer" };
  world.hub.assign("shop", [configMap("a", {}), configMap("b", {})], { generation: 1, policy: rules });
  await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 1, phase: "Applied" }));
  world.hub.assign("shop", [configMap("a", {})], { generation: 2, policy: rules });
  await until(() => expect(world.hub.last("shop")).toMatchObject({ generation: 2, phase: "Applied" }));
  await agent.stop();
  world.startAgent({ cluster: noting });
  world.hub.remove("shop", "delete", { generation: 3 });
  await until(() => expect(world.hub.last("shop")).toMatchObject({ phase: "Removed" }));
  const ofObjects = writes.filter(([, name]) => name === "a" || name === "b");
  expect(ofObjects.slice(0, 2).toSorted()).toEqual([
    ["apply", "a", account],
    ["apply", "b", account],
  ]);
  expect(ofObjects).toContainEqual(["delete", "b", account]);
  expect(ofObjects.at(-1)).toEqual(["delete", "a", account]);
  expect(ofObjects.every(([, , actAs]) => actAs?.name === "deployer")).toBe(true);
});
