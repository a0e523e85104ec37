import { existsSync } from "node:fs";
import { Agent, request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pollUntil } from "./processes/poll-until.ts";
import { isRunning } from "./processes/process-identity.ts";
import type { ClusterProvider, ControlPlane, StartOptions, TestCluster } from "./provider.ts";

/** What every provider of test clusters must do. `clusters` is how many it can give at once, at least one. */
export function providerContract(provider: () => ClusterProvider, options: StartOptions): void {
  describe(`${options.clusters} clusters`, () => {
    let controlPlane: ControlPlane;
    beforeAll(async () => {
      const answer = await provider().available(options);
      expect(answer).toEqual({ ok: true });
      controlPlane = await provider().start(options);
    }, 300_000);
    afterAll(() => controlPlane?.stop(), 120_000);

    test("there are as many as asked for, each with a name and a version of its own", () => {
      expect(controlPlane.clusters).toHaveLength(options.clusters);
      expect(new Set(controlPlane.clusters.map(({ name }) => name)).size).toBe(options.clusters);
      for (const { kubernetesVersion } of controlPlane.clusters) expect(kubernetesVersion).toMatch(/^v1\.\d+\./);
    });

    test("answer /readyz over TLS that their CA vouches for", async () => {
      for (const { server, caPem, adminToken } of controlPlane.clusters) {
        const dispatcher = new Agent({ connect: { ca: caPem } });
        const headers = { authorization: `Bearer ${adminToken}` };
        const answer = await request(`${server}/readyz`, { dispatcher, headers });
        expect([answer.statusCode, await answer.body.text()]).toEqual([200, "ok"]);
        await dispatcher.destroy();
      }
    });

    test("their kubeconfigs work with kubectl, for an administrator", async () => {
      for (const cluster of controlPlane.clusters) {
        expect(existsSync(cluster.kubeconfigPath)).toBe(true);
        expect(await cluster.kubectl(["auth", "can-i", "*", "*"])).toBe("yes\n");
      }
    });

    test("a Deployment becomes available", async () => {
      await Promise.all(controlPlane.clusters.map(deploymentBecomesAvailable));
    });

    test("a token of the TokenRequest API is held to RBAC", async () => {
      const [cluster] = controlPlane.clusters as [TestCluster];
      const namespace = await cluster.createNamespace();
      await cluster.kubectl(["--namespace", namespace, "create", "serviceaccount", "reader"]);
      await cluster.kubectl([
        ...["--namespace", namespace, "create", "rolebinding", "reader"],
        ...["--clusterrole=view", `--serviceaccount=${namespace}:reader`],
      ]);
      const token = (await cluster.kubectl(["--namespace", namespace, "create", "token", "reader"])).trim();
      const statusOf = async (path: string) => (await cluster.request("GET", path, { token })).status;
      // The authoriser learns of the binding from a watch.
      await pollUntil(
        "the binding to count",
        async () => (await statusOf(`/api/v1/namespaces/${namespace}/pods`)) === 200,
      );
      expect(await statusOf("/api/v1/namespaces/kube-system/pods")).toBe(403);
      expect(await statusOf(`/api/v1/namespaces/${namespace}/secrets`)).toBe(403);
    });

    // Not a skip: a single cluster has nobody to be isolated from.
    if (options.clusters === 1) return;
    test("are isolated from each other", async () => {
      const [first, second] = controlPlane.clusters as [TestCluster, TestCluster];
      expect(await first.kubeSystemUid()).not.toBe(await second.kubeSystemUid());
      const namespace = await first.createNamespace();
      expect((await first.request("GET", `/api/v1/namespaces/${namespace}`)).status).toBe(200);
      expect((await second.request("GET", `/api/v1/namespaces/${namespace}`)).status).toBe(404);
      const { adminToken } = first;
      expect((await second.request("GET", "/api/v1/nodes", { token: adminToken })).status).toBe(401);
    });
  });

  test("stopping leaves no process, no folder and none of its namespaces behind", async () => {
    const controlPlane = await provider().start({ ...options, clusters: 1 });
    const [cluster] = controlPlane.clusters as [TestCluster];
    const pids = cluster.processes.map(({ pid }) => pid);
    await cluster.createNamespace();
    expect(pids.filter(isRunning)).toEqual(pids);
    await controlPlane.stop();
    await controlPlane.stop();
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(cluster.kubeconfigPath)).toBe(false);
  });
}

async function deploymentBecomesAvailable(cluster: TestCluster): Promise<void> {
  const namespace = await cluster.createNamespace();
  const labels = { app: "web" };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "pause" }] } },
    },
  };
  await cluster.kubectl(["apply", "--filename=-"], { stdin: JSON.stringify(deployment) });
  await cluster.kubectl(["--namespace", namespace, "rollout", "status", "deployment/web", "--timeout=120s"]);
  const { json } = await cluster.request("GET", `/apis/apps/v1/namespaces/${namespace}/deployments/web`);
  expect(json.status.readyReplicas).toBe(2);
}
