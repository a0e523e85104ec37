import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connectInCluster } from "./in-cluster.ts";
import { connectKubeconfig } from "./kubeconfig.ts";

let folder: string;
const clock = new FakeClock();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-kubeconfig-"));
});
afterEach(() => rm(folder, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString("base64");
const config = (user: object, cluster: object = {}) => ({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "prod",
  contexts: [{ name: "prod", context: { cluster: "c", user: "u", namespace: "shop" } }],
  clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:6443/", ...cluster } }],
  users: [{ name: "u", user }],
});
async function connect(user: object, cluster: object = {}, context?: string) {
  const path = join(folder, "config");
  await writeFile(path, JSON.stringify(config(user, cluster)));
  return connectKubeconfig({ clock, path, ...(context ? { context } : {}) });
}
const header = async (user: object) => (await connect(user)).authorization({ isRefused: false });

describe("kubeconfig", () => {
  test("reads address, namespace and certificates", async () => {
    const data = { "certificate-authority-data": base64("CA") };
    const user = { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") };
    const connection = await connect(user, data);
    expect(connection).toMatchObject({
      server: "https://127.0.0.1:6443",
      namespace: "shop",
      description: "context prod",
    });
    expect(await connection.tls()).toEqual({ ca: "CA", cert: "CERT", key: "KEY", rejectUnauthorized: true });
    expect(await connection.tls()).toBe(await connection.tls());
    expect(await connection.authorization({ isRefused: false })).toBeUndefined();
  });

  test("takes tokens, passwords and files beside it", async () => {
    expect(await header({ token: "abc" })).toBe("Bearer abc");
    expect(await header({ username: "u", password: "p" })).toBe(`Basic ${base64("u:p")}`);
    await writeFile(join(folder, "token"), "from-file\n");
    expect(await header({ tokenFile: "token", token: "abc" })).toBe("Bearer from-file");
  });

  test("the first file of KUBECONFIG wins, and a missing one is passed over", async () => {
    await writeFile(join(folder, "one"), JSON.stringify({ contexts: [], "current-context": "prod" }));
    await writeFile(join(folder, "two"), JSON.stringify(config({ token: "two" })));
    const KUBECONFIG = ["one", "none", "two"].map((name) => join(folder, name)).join(":");
    const connection = await connectKubeconfig({ clock, env: { KUBECONFIG } });
    expect(await connection.authorization({ isRefused: false })).toBe("Bearer two");
  });

  test("an unknown context names those there are", async () => {
    await expect(connect({}, {}, "staging")).rejects.toMatchObject({
      code: "not-found",
      message: 'the kubeconfig has no context "staging"',
      fix: "It has: prod.",
    });
  });

  test("what is no kubeconfig says where", async () => {
    const path = join(folder, "broken");
    await writeFile(path, "clusters: [");
    await expect(connectKubeconfig({ clock, path })).rejects.toMatchObject({ code: "invalid" });
    await expect(connectKubeconfig({ clock, path: join(folder, "none") })).rejects.toMatchObject({ code: "not-found" });
  });

  test("asks a credential plug-in once, tells it the cluster, and again when its token is refused", async () => {
    const program = `
      const fs = require("node:fs");
      fs.appendFileSync("${join(folder, "calls")}", "x");
      const info = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
      const n = fs.readFileSync("${join(folder, "calls")}", "utf8").length;
      console.log(JSON.stringify({ ...info, status: { token: info.spec.cluster.server + "#" + n } }));`;
    await writeFile(join(folder, "plugin.cjs"), program);
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: process.execPath,
      args: [join(folder, "plugin.cjs")],
      interactiveMode: "Never",
    };
    const connection = await connect({ exec });
    const first = await Promise.all([1, 2].map(() => connection.authorization({ isRefused: false })));
    expect(first).toEqual(Array(2).fill("Bearer https://127.0.0.1:6443#1"));
    expect(await connection.authorization({ isRefused: false })).toBe("Bearer https://127.0.0.1:6443#1");
    expect(await connection.authorization({ isRefused: true })).toBe("Bearer https://127.0.0.1:6443#2");
  });

  test("a plug-in that fails is named", async () => {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "no-such-plugin", interactiveMode: "Never" };
    const connection = await connect({ exec });
    await expect(connection.authorization({ isRefused: false })).rejects.toMatchObject({
      code: "unauthenticated",
      message: expect.stringContaining("no-such-plugin"),
    });
  });
});

describe("in-cluster", () => {
  const env = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };
  const mount = (token: string, ca = "CA") =>
    Promise.all([
      writeFile(join(folder, "token"), token),
      writeFile(join(folder, "ca.crt"), ca),
      writeFile(join(folder, "namespace"), "muster-system"),
    ]);

  test("takes up a rotated token within a minute, or at once when the old one is refused", async () => {
    await mount("one");
    const connection = await connectInCluster({ clock, folder, env });
    expect(connection).toMatchObject({ server: "https://10.96.0.1:443", namespace: "muster-system" });
    await mount("two");
    expect(await connection.authorization({ isRefused: false })).toBe("Bearer one");
    expect(await connection.authorization({ isRefused: true })).toBe("Bearer two");
    await mount("three");
    await clock.advance(60_000);
    expect(await connection.authorization({ isRefused: false })).toBe("Bearer three");
  });

  test("takes up a rotated CA, and is the same object until then", async () => {
    await mount("one");
    const connection = await connectInCluster({ clock, folder, env });
    const before = await connection.tls();
    expect(await connection.tls()).toBe(before);
    await mount("one", "CA2");
    await clock.advance(60_000);
    expect(await connection.tls()).toEqual({ ca: "CA2", rejectUnauthorized: true });
  });

  test("a file that vanishes keeps its last content", async () => {
    await mount("one");
    const connection = await connectInCluster({ clock, folder, env });
    await rm(join(folder, "token"));
    expect(await connection.authorization({ isRefused: true })).toBe("Bearer one");
  });

  test("outside a cluster it says what to do", async () => {
    await expect(connectInCluster({ clock, folder, env: {} })).rejects.toMatchObject({ code: "unsupported" });
    await expect(connectInCluster({ clock, folder, env })).rejects.toMatchObject({ code: "unsupported" });
  });
});
