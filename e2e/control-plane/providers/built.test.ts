import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { describeWithClusters } from "../describe-with-clusters.ts";
import { pollUntil } from "../processes/poll-until.ts";
import { isRunning } from "../processes/process-identity.ts";
import { providerContract } from "../provider.contract.ts";
import type { TestCluster } from "../provider.ts";
import { controlPlaneAvailability } from "../test-clusters.ts";
import { tools } from "../versions.ts";
import { builtProvider } from "./built.ts";

const env = { ...process.env, MUSTER_TEST_PROVIDER: "built" };
const newest = await controlPlaneAvailability({}, env);
const older = await controlPlaneAvailability({ kubernetes: "older" }, env);
if (!newest.ok) console.warn(`skipped: the built provider: ${newest.reason}; ${newest.install}`);

describe.skipIf(!newest.ok)("built, newest Kubernetes", () => {
  providerContract(builtProvider, { clusters: 3 });

  test("three clusters with nodes, and an API server alone, are there in seconds", async () => {
    const startedAt = performance.now();
    const three = await builtProvider().start({ clusters: 3 });
    const withControllersMs = performance.now() - startedAt;
    await three.stop();
    const secondStart = performance.now();
    const bare = await builtProvider().start({ clusters: 1, controllers: false });
    const bareMs = performance.now() - secondStart;
    await bare.stop();
    console.log(`3 clusters: ${Math.round(withControllersMs)} ms, 1 bare: ${Math.round(bareMs)} ms`);
    // Other work on the machine can slow both; what must never happen is minutes.
    expect(withControllersMs).toBeLessThan(60_000);
    expect(bareMs).toBeLessThan(30_000);
  });

  test("an API server that does not start says why and leaves nothing", async () => {
    const ownTemporaryFolder = mkdtempSync(join(tmpdir(), "muster-built-test-"));
    vi.stubEnv("TMPDIR", ownTemporaryFolder);
    try {
      const start = builtProvider().start({ clusters: 2, controllers: false, apiServerFlags: ["--no-such-flag"] });
      const error = await start.then(
        () => undefined,
        (reason: Error) => reason,
      );
      expect(error?.message).toMatch(/kube-apiserver of cluster-\d ended with code 1 before it was ready/);
      expect(error?.message).toContain("unknown flag: --no-such-flag");
      expect(readdirSync(ownTemporaryFolder)).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
      rmSync(ownTemporaryFolder, { recursive: true });
    }
  });
});

describe.skipIf(!older.ok)("built, older Kubernetes", () => {
  providerContract(builtProvider, { clusters: 1, kubernetes: "older" });

  test("runs beside the newest on the same etcd", async () => {
    const controlPlane = await builtProvider().start({ clusters: 1, controllers: false });
    try {
      await controlPlane.addCluster({ kubernetes: "older" });
      expect(controlPlane.clusters.map(({ kubernetesVersion }) => kubernetesVersion)).toEqual([
        tools["kubernetes-newest"].version,
        tools["kubernetes-older"].version,
      ]);
    } finally {
      await controlPlane.stop();
    }
  });
});

await describeWithClusters(
  "a cluster under fault tests",
  { clusters: 1, controllers: false, auditLog: true, stopsApiServers: true, addsClusters: true },
  (controlPlane) => {
    const only = () => controlPlane().clusters[0] as TestCluster;

    test("an API server that was stopped refuses, and comes back with its address, data and tokens", async () => {
      const cluster = only();
      const namespace = await cluster.createNamespace();
      const uid = await cluster.kubeSystemUid();
      await cluster.stopApiServer();
      await expect(cluster.request("GET", "/readyz")).rejects.toThrow(/ECONNREFUSED/);
      await cluster.startApiServer();
      expect(await cluster.kubeSystemUid()).toBe(uid);
      expect((await cluster.request("GET", `/api/v1/namespaces/${namespace}`)).status).toBe(200);
    });

    test("the audit log names each request once", async () => {
      const cluster = only();
      await cluster.request("GET", "/api/v1/namespaces/default/configmaps/looked-for");
      const events = await pollUntil("the audit event", async () => {
        const all = await cluster.auditEvents();
        const found = all.filter(({ objectRef }) => objectRef?.name === "looked-for");
        return found.length > 0 && found;
      });
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({ verb: "get", user: { username: "admin" }, responseStatus: { code: 404 } });
    });

    test("a cluster added later is another one, and stops alone", async () => {
      const added = await controlPlane().addCluster();
      const folder = dirname(added.kubeconfigPath);
      const apiServers = added.processes.filter(({ name }) => name.startsWith("kube-apiserver")).map(({ pid }) => pid);
      expect(await added.kubeSystemUid()).not.toBe(await only().kubeSystemUid());
      await added.stop();
      expect(apiServers.filter(isRunning)).toEqual([]);
      expect(existsSync(folder)).toBe(false);
      expect((await only().request("GET", "/readyz")).status).toBe(200);
    });
  },
);
