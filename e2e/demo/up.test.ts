import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createDemoRepository, type DemoRepository } from "@muster/cli/demo/demo-repository.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { describeWithClusters } from "../control-plane/describe-with-clusters.ts";
import type { TestCluster } from "../control-plane/provider.ts";
import { eventually } from "../fleet/eventually.ts";
import { pathWithTools } from "../fleet/muster.ts";
import { renderToolsAvailability } from "../fleet/render-tools.ts";

const tools = await renderToolsAvailability();
const main = join(import.meta.dirname, "../../cli/src/main.ts");

let folder: string;
let repository: DemoRepository;
let running: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-up-test-"));
  await mkdir(join(folder, "home"));
  repository = await createDemoRepository(join(folder, "repository"));
});
afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  running = [];
  await rm(folder, { recursive: true, force: true });
});

/** `muster WORDS` in a home of its own. */
function muster(words: readonly string[], env: Record<string, string> = {}) {
  const home = { HOME: join(folder, "home"), TMPDIR: folder, PATH: process.env.PATH ?? "" };
  const child = spawn(process.execPath, [main, ...words], {
    env: { ...home, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  return { child, ended, output: () => output };
}

async function musterOnce(words: readonly string[], env?: Record<string, string>) {
  const { ended, output } = muster(words, env);
  const exitCode = await ended;
  return { exitCode, output: output() };
}

const configMap = (name: string, value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { value: "${value}" }\n`;
const apps = async () =>
  JSON.parse((await musterOnce(["get", "apps", "-o", "json"])).output) as {
    summary: { clusters: number; healthy: number };
    release: { number: number } | null;
  }[];

describe("muster up without contexts", () => {
  test("runs on clusters in memory, says so, follows Git, and leaves nothing", async () => {
    await repository.commit({ "web/a.yaml": configMap("a", "1") }, "First");
    const up = muster(["up", "--repo", join(folder, "repository"), "--path", "web"]);
    await eventually(async () => expect(await apps()).toMatchObject([{ summary: { clusters: 3, healthy: 3 } }]));
    expect(up.output()).toContain("the clusters are in memory");
    expect(up.output()).toMatch(/API +https:\/\/127\.0\.0\.1:\d+\nToken +\S+admin-token\n/);

    expect(await musterOnce(["up", "--repo", repository.url])).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("already runs here"),
    });

    await repository.commit({ "web/a.yaml": configMap("a", "2") }, "Second");
    expect((await musterOnce(["status"])).output).toContain("3/3 clusters connected");
    await eventually(async () => expect(await apps()).toMatchObject([{ release: { number: 2 } }]));

    expect((await musterOnce(["down"])).output).toContain("Its clusters were in memory");
    expect(await up.ended).toBe(0);
    expect(existsSync(join(folder, "home/.local/state/muster/up"))).toBe(false);
    expect((await musterOnce(["status"])).output).toContain("No hub is set.");
  });

  test.runIf(tools.ok)("runs a kustomization and a chart as they are, found by looking", async () => {
    const chart = {
      "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
      "chart/values.yaml": "greeting: welcome\n",
      "chart/templates/a.yaml": configMap("a", "{{ .Values.greeting }}"),
    };
    const overlay = {
      "base/kustomization.yaml": "resources: [a.yaml]\n",
      "base/a.yaml": configMap("a", "1"),
      "overlay/kustomization.yaml": "resources: [../base]\nnamePrefix: web-\n",
    };
    await repository.commit({ ...chart, ...overlay }, "First");
    for (const path of ["chart", "overlay"]) {
      const up = muster(["up", "--repo", repository.url, "--path", path], { PATH: pathWithTools });
      await eventually(async () => expect(await apps()).toMatchObject([{ summary: { clusters: 3, healthy: 3 } }]));
      expect(up.output()).toContain(`1 object in ${path}`);
      expect((await musterOnce(["down"])).exitCode).toBe(0);
      expect(await up.ended).toBe(0);
    }
  });

  test("says what is missing where there is no helm", async () => {
    await repository.commit({ "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n" }, "First");
    const { exitCode, output } = await musterOnce(["up", "--repo", repository.url, "--path", "chart"], { PATH: "" });
    expect([exitCode, output]).toEqual([1, expect.stringContaining("helm")]);
  });

  test("refuses what cannot be rendered, with file and line, before anything starts", async () => {
    await repository.commit({ "web/a.yaml": `${configMap("a", "1")}---\nmetadata: { name: b }\n` }, "Broken");
    const { exitCode, output } = await musterOnce(["up", "--repo", repository.url, "--path", "web"]);
    expect([exitCode, output]).toEqual([1, expect.stringMatching(/web\/a\.yaml:6 \(commit [0-9a-f]{7}, document 2\)/)]);
  });
});

await describeWithClusters("muster up on real contexts", { clusters: 2 }, (controlPlane) => {
  const kubeconfig = (clusters: readonly TestCluster[]) => ({
    KUBECONFIG: clusters.map((cluster) => cluster.kubeconfigPath).join(delimiter),
  });

  test("shows the diff, touches nothing without a yes, nothing foreign with one, and takes down what it made", async () => {
    const { clusters } = controlPlane();
    const [first, second] = clusters;
    if (!first || !second) throw new Error("two clusters are needed");
    const env = kubeconfig(clusters);
    const namespace = await first.createNamespace("up");
    await second.kubectl(["create", "namespace", namespace]);
    await first.kubectl(["-n", namespace, "create", "configmap", "theirs", "--from-literal=value=mine"]);
    const names = async (cluster: TestCluster) =>
      (await cluster.kubectl(["-n", namespace, "get", "configmaps", "-o", "name"]))
        .split("\n")
        .filter((name) => name !== "" && !name.endsWith("kube-root-ca.crt"));
    await repository.commit({ "web/a.yaml": configMap("a", "1"), "web/b.yaml": configMap("theirs", "2") }, "First");
    const contexts = clusters.flatMap(({ name }) => ["--context", name]);
    const words = ["up", "--repo", repository.url, "--path", "web", "--namespace", namespace, ...contexts];

    const asked = await musterOnce(words, env);
    expect(asked.exitCode).toBe(2);
    expect(asked.output).toContain(`+ ConfigMap ${namespace}/a`);
    expect(asked.output).toContain(`! ConfigMap ${namespace}/theirs  exists and belongs to nobody that Muster knows`);
    expect(asked.output).toContain("Nothing was changed.");
    expect([await names(first), await names(second)]).toEqual([["configmap/theirs"], []]);

    const up = muster([...words, "--yes"], env);
    await eventually(async () => {
      expect([await names(first), await names(second)]).toEqual([
        ["configmap/a", "configmap/theirs"],
        ["configmap/a", "configmap/theirs"],
      ]);
    });
    const theirs = () => first.kubectl(["-n", namespace, "get", "configmap", "theirs", "-o", "jsonpath={.data.value}"]);
    expect(await theirs()).toBe("mine");

    up.child.kill("SIGINT");
    expect(await up.ended).toBe(0);
    expect(up.output()).toContain("What was deployed keeps running");
    expect(await names(second)).toHaveLength(2);

    const down = await musterOnce(["down", "--delete", "--yes"], env);
    expect([down.exitCode, down.output]).toEqual([0, expect.stringContaining("and so is what Muster kept for itself")]);
    expect([await names(first), await names(second)]).toEqual([["configmap/theirs"], []]);
    expect(await theirs()).toBe("mine");
    for (const cluster of clusters) {
      expect(await cluster.kubectl(["get", "namespaces", "-o", "name"])).not.toContain("muster-system");
    }
  });
});
