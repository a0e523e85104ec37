import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReaper } from "../processes/reaper.ts";
import { providerContract } from "../provider.contract.ts";
import type { ControlPlane, TestCluster } from "../provider.ts";
import { controlPlaneAvailability } from "../test-clusters.ts";
import { builtProvider } from "./built.ts";
import { kubeconfigProvider } from "./kubeconfig.ts";

const availability = await controlPlaneAvailability({}, { ...process.env, MUSTER_TEST_PROVIDER: "built" });

describe.skipIf(!availability.ok)("kubeconfig, naming clusters that are there already", () => {
  const reaper = startReaper();
  const folder = reaper.temporaryFolder("muster-kubeconfig-test");
  const kubeconfigPath = join(folder.path, "kubeconfig");
  let existing: ControlPlane;
  beforeAll(async () => {
    existing = await builtProvider().start({ clusters: 2 });
    writeFileSync(kubeconfigPath, joinKubeconfigs(existing.clusters));
  }, 300_000);
  afterAll(async () => {
    await existing?.stop();
    folder.remove();
    await reaper.close();
  }, 120_000);

  const contexts = ["cluster-1", "cluster-2"];
  providerContract(() => kubeconfigProvider({ kubeconfigPath, contexts }), { clusters: 2 });

  test("deletes the namespaces that tests made, and no other", async () => {
    const [cluster] = existing.clusters as [TestCluster];
    const foreign = await cluster.createNamespace("somebody-elses");
    const adopted = await kubeconfigProvider({ kubeconfigPath, contexts }).start({ clusters: 1 });
    const made = await adopted.clusters[0]?.createNamespace();
    await adopted.stop();
    const statusOf = async (name?: string) => (await cluster.request("GET", `/api/v1/namespaces/${name}`)).status;
    expect(await statusOf(made)).toBe(404);
    expect(await statusOf(foreign)).toBe(200);
  });

  test("without named contexts only the current one is used", async () => {
    const adopted = await kubeconfigProvider({ kubeconfigPath }).start({ clusters: 1 });
    expect(await adopted.clusters[0]?.kubeSystemUid()).toBe(await existing.clusters[1]?.kubeSystemUid());
    await adopted.stop();
    expect(await kubeconfigProvider({ kubeconfigPath }).available({ clusters: 2 })).toMatchObject({
      ok: false,
      reason: "2 clusters are needed and 1 named",
    });
  });

  test("a user without a token gets one with every right, which goes away with its namespace", async () => {
    const [cluster] = existing.clusters as [TestCluster];
    const withoutToken = join(folder.path, "exec-kubeconfig");
    writeFileSync(withoutToken, withExecPlugin(cluster));
    const adopted = await kubeconfigProvider({ kubeconfigPath: withoutToken }).start({ clusters: 1 });
    expect(await adopted.clusters[0]?.kubectl(["auth", "can-i", "*", "*"])).toBe("yes\n");
    await adopted.stop();
    const bindings = await cluster.kubectl(["get", "namespaces", "--output=name"]);
    expect(bindings).not.toContain("muster-test-admin");
  });

  test("two contexts of one cluster are refused", async () => {
    const provider = kubeconfigProvider({ kubeconfigPath, contexts: ["cluster-1", "cluster-1"] });
    await expect(provider.start({ clusters: 2 })).rejects.toThrow(/lead to the same cluster/);
  });
});

test("a kubeconfig that is not there makes the provider unavailable, with what to do", async () => {
  expect(await kubeconfigProvider({ kubeconfigPath: undefined }).available()).toEqual({
    ok: false,
    reason: "MUSTER_TEST_KUBECONFIG is not set",
    install: "set MUSTER_TEST_KUBECONFIG to a kubeconfig of a cluster for tests",
  });
});

function joinKubeconfigs(clusters: readonly TestCluster[]): string {
  const configs = clusters.map(({ kubeconfig }) => JSON.parse(kubeconfig));
  const all = (key: string) => configs.flatMap((config) => config[key]);
  return JSON.stringify({
    ...configs.at(-1),
    clusters: all("clusters"),
    users: all("users"),
    contexts: all("contexts"),
  });
}

/** The same rights through a plugin, as managed clusters have it. */
function withExecPlugin(cluster: TestCluster): string {
  const config = JSON.parse(cluster.kubeconfig);
  const credential = {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token: cluster.adminToken },
  };
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "echo",
    args: [JSON.stringify(credential)],
    interactiveMode: "Never",
  };
  return JSON.stringify({ ...config, users: [{ name: config.users[0].name, user: { exec } }] });
}
