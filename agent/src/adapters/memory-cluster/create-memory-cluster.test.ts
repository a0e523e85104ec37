import { systemClock } from "@muster/shared/system-clock.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { describe, expect, test } from "vitest";
import { type ClusterApiSubject, clusterApiContract } from "../../ports/cluster-api.contract.ts";
import { createMemoryCluster } from "./create-memory-cluster.ts";
import { createFaults, forbiddenError } from "./faults.ts";

describe("ClusterApi in memory", () => clusterApiContract(memorySubject));

async function memorySubject(): Promise<ClusterApiSubject> {
  const cluster = createMemoryCluster({ clock: systemClock, random: Math.random, name: "memory", readyAfterMs: 1 });
  await cluster.asUser("admin").create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "contract" } });
  return {
    api: cluster.api,
    namespace: "contract",
    as: (manager) => cluster.asUser(manager),
    edit: (manager, ref, change) => cluster.asUser(manager).update(ref, change),
    async restricted() {
      const faults = createFaults(systemClock);
      const isAllowed = (verb: string, kind: string) => kind === "ConfigMap" && ["get", "list", "watch"].includes(verb);
      faults.refuse(({ verb, kind }) => !isAllowed(verb, kind), forbiddenError);
      return cluster.asUser("muster", { faults });
    },
    async interrupted(during, { forgetsHistory }) {
      cluster.faults.setUnavailable(true);
      await during();
      if (forgetsHistory) cluster.forgetHistory();
      cluster.faults.setUnavailable(false);
    },
    close: () => cluster.close(),
  };
}

const start = async () => {
  const clock = new FakeClock();
  const cluster = createMemoryCluster({
    clock,
    random: Math.random,
    name: "memory",
    readyAfterMs: 1_000,
    isBroken: (image) => image.endsWith(":broken"),
  });
  const apply = (kind: string, name: string, fields: object, apiVersion = "apps/v1") => {
    const ref = { apiVersion, kind, namespace: "default", name };
    return cluster.api.apply(ref, JSON.stringify({ apiVersion, kind, metadata: { name }, ...fields }), { force: true });
  };
  return { clock, cluster, apply };
};
const workload = (image: string, replicas = 2) => ({
  spec: {
    replicas,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image }] } },
  },
});
const web = { apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "web" };

describe("its controllers", () => {
  test("a Deployment becomes ready after a while, and again after each change", async () => {
    const { clock, cluster, apply } = await start();
    expect((await apply("Deployment", "web", workload("web:1"))).status).toBeUndefined();
    await clock.advance(1_000);
    expect(await cluster.api.get(web)).toMatchObject({ status: { observedGeneration: 1, readyReplicas: 2 } });
    const changed = await apply("Deployment", "web", workload("web:2", 3));
    expect(changed).toMatchObject({ metadata: { generation: 2 }, status: { observedGeneration: 1 } });
    await clock.advance(1_000);
    expect(await cluster.api.get(web)).toMatchObject({ status: { observedGeneration: 2, updatedReplicas: 3 } });
    await cluster.close();
  });

  test("an image that is broken never becomes ready", async () => {
    const { clock, cluster, apply } = await start();
    await apply("Deployment", "web", workload("web:broken"));
    await clock.advance(1_000);
    const live = await cluster.api.get(web);
    expect(live?.status).toMatchObject({ readyReplicas: 0, unavailableReplicas: 2 });
    expect(JSON.stringify(live?.status)).toContain("ProgressDeadlineExceeded");
    await cluster.close();
  });

  test("a status is owned by its controller and survives an apply", async () => {
    const { clock, cluster, apply } = await start();
    await apply("Deployment", "web", workload("web:1"));
    await clock.advance(1_000);
    const again = await apply("Deployment", "web", workload("web:1"));
    expect(again.status).toMatchObject({ readyReplicas: 2 });
    expect(again.metadata.managedFields?.map(({ manager, subresource }) => [manager, subresource])).toEqual([
      ["muster", undefined],
      ["kube-controller-manager", "status"],
    ]);
    await cluster.close();
  });

  test("a deleted namespace takes its objects along, and takes in no new ones meanwhile", async () => {
    const { clock, cluster, apply } = await start();
    await apply("ConfigMap", "settings", { data: {} }, "v1");
    const namespace = { apiVersion: "v1", kind: "Namespace", namespace: "", name: "default" };
    await cluster.api.delete(namespace, {});
    expect(await cluster.api.get(namespace)).toMatchObject({ status: { phase: "Terminating" } });
    await expect(apply("ConfigMap", "late", {}, "v1")).rejects.toMatchObject({ code: "conflict", isRetryable: true });
    await clock.advance(1_000);
    expect(await cluster.api.get(namespace)).toBeNull();
    expect(
      await cluster.api.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "settings" }),
    ).toBeNull();
    await cluster.close();
  });

  test("objects go with their only owner", async () => {
    const { cluster, apply } = await start();
    const owner = await apply("ConfigMap", "owner", {}, "v1");
    const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid }];
    await apply("Secret", "owned", { metadata: { name: "owned", ownerReferences } }, "v1");
    await cluster.api.delete({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "owner" }, {});
    expect(await cluster.api.get({ apiVersion: "v1", kind: "Secret", namespace: "default", name: "owned" })).toBeNull();
    await cluster.close();
  });

  test("a finalizer holds an object until it is taken out", async () => {
    const { cluster, apply } = await start();
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "held" };
    await apply("ConfigMap", "held", { metadata: { name: "held", finalizers: ["example.com/hold"] } }, "v1");
    await cluster.api.delete(ref, {});
    expect((await cluster.api.get(ref))?.metadata.deletionTimestamp).toBeDefined();
    await cluster.asUser("controller").update(ref, (object) => {
      object.metadata.finalizers = [];
    });
    expect(await cluster.api.get(ref)).toBeNull();
    await cluster.close();
  });
});

describe("its faults", () => {
  test("a refusal hits what it names until it is lifted", async () => {
    const { cluster, apply } = await start();
    const lift = cluster.faults.refuse(({ verb, name }) => verb === "patch" && name === "web", forbiddenError);
    await expect(apply("Deployment", "web", workload("web:1"))).rejects.toMatchObject({ code: "forbidden" });
    await apply("ConfigMap", "settings", {}, "v1");
    lift();
    await apply("Deployment", "web", workload("web:1"));
    await cluster.close();
  });

  test("a slow API server takes its time", async () => {
    const { clock, cluster } = await start();
    cluster.faults.setDelayMs(5_000);
    let isAnswered = false;
    const asked = cluster.api.get(web).then(() => {
      isAnswered = true;
    });
    await clock.advance(4_999);
    expect(isAnswered).toBe(false);
    await clock.advance(1);
    await asked;
    await cluster.close();
  });
});
