// The agent alone, on a real API server: its own hub is a stand-in, so that what is measured here is the agent's part.
import { randomUUID } from "node:crypto";
import { createWorkerBundleOpener } from "@muster/agent/adapters/bundle/worker-bundle-opener.ts";
import { createKubernetesCluster } from "@muster/agent/adapters/kubernetes/create-kubernetes-cluster.ts";
import { connectKubeconfig } from "@muster/agent/adapters/kubernetes/kubeconfig.ts";
import { createSecretState } from "@muster/agent/adapters/state/secret-state.ts";
import { type Agent, createAgent } from "@muster/agent/create-agent.ts";
import { agentStateContract } from "@muster/agent/ports/agent-state.contract.ts";
import type { ClusterApi } from "@muster/agent/ports/cluster-api.ts";
import { configMap, FakeHub, type Manifest } from "@muster/agent/testing/fake-hub.ts";
import { FakeLeases } from "@muster/agent/testing/fake-lease.ts";
import { createLog, silentLog } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { describeWithClusters } from "../control-plane/describe-with-clusters.ts";

const until = (check: () => unknown, timeout = 30_000) => vi.waitFor(check, { timeout, interval: 2 });

await describeWithClusters("the agent on a real API server", { clusters: 1 }, (controlPlane) => {
  const hub = new FakeHub();
  const leases = new FakeLeases();
  const apis: ClusterApi[] = [];
  let api: ClusterApi;
  let agent: Agent;

  const open = async (): Promise<ClusterApi> => {
    const { kubeconfigPath } = controlPlane().clusters[0] as { kubeconfigPath: string };
    const connection = await connectKubeconfig({ clock: systemClock, path: kubeconfigPath });
    const opened = createKubernetesCluster({
      connection,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
      version: "test",
    });
    apis.push(opened);
    return opened;
  };
  const start = async (): Promise<Agent> => {
    const instance = randomUUID();
    const cluster = await open();
    const started = createAgent({
      cluster,
      link: hub.link(),
      state: createSecretState({ cluster, namespace: "muster-system", instance }),
      lease: leases.open(),
      bundles: createWorkerBundleOpener(),
      identity: {
        hubId: hub.hubId,
        clusterId: hub.clusterId,
        keySets: [hub.keySet],
        keepKeySet: async () => {},
        renewSoon: () => {},
      },
      clock: systemClock,
      log: process.env.AGENT_LOG ? createLog({ name: "agent", level: "debug" }) : silentLog,
      random: Math.random,
      version: "test",
      instance,
    });
    started.start();
    return started;
  };
  const applied = (name: string, generation: number) =>
    until(() =>
      expect(hub.last(name)).toMatchObject({ generation, phase: "Applied", sync: "Synced", health: "Healthy" }),
    );

  beforeAll(async () => {
    api = await open();
    agent = await start();
  });
  afterAll(async () => {
    await agent.stop();
    await Promise.all(apis.map((opened) => opened.close()));
  });

  test("every kind of object is applied in one go, becomes Healthy, and shows no drift", async () => {
    const objects = storefront();
    const destination = { namespace: "storefront", createNamespace: true };
    hub.assign("storefront", objects, { generation: 1, destination });
    await applied("storefront", 1);
    expect(hub.last("storefront")).toMatchObject({ drift: [], problems: [], counts: { objects: objects.length } });
    // A restarted agent has nothing but the live objects and the bundle to tell drift by.
    await agent.stop();
    hub.reports.length = 0;
    agent = await start();
    await applied("storefront", 1);
    expect(hub.last("storefront")).toMatchObject({ drift: [], problems: [] });
  });

  test("drift is healed within a second, and says who", async () => {
    const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: "storefront", name: "web" };
    const { clusters } = controlPlane();
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const begun = performance.now();
      await clusters[0]?.request(
        "PATCH",
        "/apis/apps/v1/namespaces/storefront/deployments/web?fieldManager=kubectl-edit",
        { body: { spec: { replicas: 5 + i } }, contentType: "application/merge-patch+json" },
      );
      await until(async () => {
        expect(hub.last("storefront")?.drift[0]?.found).toBe(`${5 + i}`);
        expect((await api.get(ref))?.spec).toMatchObject({ replicas: 2 });
      });
      times.push(performance.now() - begun);
    }
    expect(hub.last("storefront")?.drift[0]).toMatchObject({
      field: "spec.replicas",
      expected: "2",
      manager: "kubectl-edit",
    });
    console.info(`drift healed and reported after ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
    expect(Math.min(...times)).toBeLessThan(1_000);
  });

  test("an object that breaks a rule is named with the API server's words, the others go through", async () => {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "bad" },
      spec: { ports: [{ port: 700_000 }] },
    };
    hub.assign("partly", [configMap("fine", { a: "1" }), service], { generation: 1 });
    await until(() => expect(hub.last("partly")).toMatchObject({ phase: "Failed", health: "Unknown" }));
    expect(hub.last("partly")?.problems).toMatchObject([{ code: "ApplyRefused", where: { object: { name: "bad" } } }]);
    expect(await api.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "fine" })).not.toBeNull();
  });

  test("a tombstone deletes all of it, and the namespace it made stays", async () => {
    hub.remove("storefront", "delete", { generation: 2 });
    await until(() => expect(hub.last("storefront")?.phase).toBe("Removed"));
    const deployments = await api.resolve("apps/v1", "Deployment");
    expect(await api.list(deployments, { namespace: "storefront" })).toEqual([]);
    expect(await api.get({ apiVersion: "v1", kind: "Namespace", namespace: "", name: "storefront" })).not.toBeNull();
  });

  test("from assignment to report takes some tens of milliseconds", async () => {
    const times: number[] = [];
    for (let generation = 1; generation <= 40; generation++) {
      const signed = hub.run("quick", [configMap("quick", { at: `${generation}` })], { generation });
      const before = hub.reports.length;
      const begun = performance.now();
      hub.give(signed);
      while (
        !hub.reports
          .slice(before)
          .some((told) => told.generation === generation && told.phase === "Applied" && told.app.name === "quick")
      ) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      times.push(performance.now() - begun);
    }
    const sorted = times.slice(5).toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] as number;
    console.info(`assignment to report: p50 ${at(0.5).toFixed(1)} ms, p95 ${at(0.95).toFixed(1)} ms`);
    expect(at(0.5)).toBeLessThan(150);
  });

  describe("AgentState in Secrets of a real API server", () =>
    agentStateContract(async () => {
      const namespace = `state-${randomUUID().slice(0, 8)}`;
      let instances = 0;
      return {
        open: () => createSecretState({ cluster: api, namespace, instance: `i${instances++}` }),
        close: async () => {
          await api.delete({ apiVersion: "v1", kind: "Namespace", namespace: "", name: namespace }, {});
        },
      };
    }));
});

/** Written as people write: quantities, ports and times in spellings that the API server changes. */
function storefront(): Manifest[] {
  const labels = { app: "web" };
  const template = {
    metadata: { labels },
    spec: {
      serviceAccountName: "web",
      terminationGracePeriodSeconds: 30,
      volumes: [{ name: "settings", configMap: { name: "settings" } }],
      containers: [
        {
          name: "web",
          image: "registry.example.com/web:1",
          args: ["--port", "8080"],
          env: [
            { name: "MODE", value: "1" },
            { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
          ],
          ports: [{ containerPort: 8080 }],
          resources: { requests: { cpu: "1000m", memory: "0.5Gi" }, limits: { cpu: 2, memory: "1024Mi" } },
          volumeMounts: [{ name: "settings", mountPath: "/etc/settings" }],
          readinessProbe: { httpGet: { path: "/", port: 8080 } },
        },
      ],
    },
  };
  return [
    configMap("settings", { cpu: "1000m", empty: "" }),
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "credentials" },
      stringData: { password: "made-for-this-test" },
    },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "web" } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "web" },
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "web" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "web" },
      subjects: [{ kind: "ServiceAccount", name: "web" }],
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        strategy: { rollingUpdate: { maxSurge: "25%" } },
        template,
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "db" },
      spec: {
        serviceName: "db",
        replicas: 1,
        selector: { matchLabels: { app: "db" } },
        template: {
          metadata: { labels: { app: "db" } },
          spec: { containers: [{ name: "db", image: "registry.example.com/db:1" }] },
        },
      },
    },
    {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "nightly" },
      spec: {
        schedule: "0 3 * * *",
        jobTemplate: {
          spec: {
            template: {
              spec: { restartPolicy: "Never", containers: [{ name: "n", image: "registry.example.com/n:1" }] },
            },
          },
        },
      },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: { name: "web" },
      spec: {
        rules: [
          {
            host: "shop.example.com",
            http: {
              paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "web", port: { number: 80 } } } }],
            },
          },
        ],
      },
    },
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "web" },
      spec: { minAvailable: 1, selector: { matchLabels: labels } },
    },
    {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.storefront.example.com" },
      spec: {
        group: "storefront.example.com",
        scope: "Namespaced",
        names: { kind: "Widget", plural: "widgets" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
              },
            },
          },
        ],
      },
    },
    { apiVersion: "storefront.example.com/v1", kind: "Widget", metadata: { name: "w" }, spec: { size: 3 } },
  ];
}
