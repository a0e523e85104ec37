import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createDemoRepository } from "../demo/demo-repository.ts";
import { run } from "../run.ts";
import { type Answers, aCluster, fakeHub, fakeTerminal, TOKEN } from "../testing/fake-hub.ts";
import { addRenderCommand } from "./render-command.ts";

let folder: string;
let hub: Awaited<ReturnType<typeof fakeHub>> | null = null;

const configMap = (value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: shop }\ndata: { value: "${value}" }\n`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-render-test-"));
  const repository = await createDemoRepository(join(folder, "fleet"));
  await repository.commit({ "apps/shop/web.yaml": configMap("$" + "{cluster.labels.region:-nowhere}") }, "First");
  await write("checkout/apps/shop/web.yaml", configMap("new on $" + "{cluster.name}"));
  await write("defs/fleet.yaml", JSON.stringify(source));
  await write("defs/shop.yaml", JSON.stringify(app));
});
afterEach(async () => {
  await hub?.close();
  hub = null;
});
afterAll(() => rm(folder, { recursive: true }));

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

const apiVersion = "muster.dev/v1alpha1";
const source = {
  apiVersion,
  kind: "Source",
  metadata: { name: "fleet" },
  spec: {
    git: {
      get url() {
        return pathToFileURL(join(folder, "fleet")).href;
      },
    },
  },
};
const app = {
  apiVersion,
  kind: "App",
  metadata: { name: "shop" },
  spec: { source: { name: "fleet", path: "apps/shop" }, clusters: { matchLabels: { tier: "prod" } }, substitute: true },
};

async function muster(words: readonly string[], answers?: Answers) {
  const { terminal, said } = fakeTerminal();
  let env: Record<string, string> = {};
  if (answers !== undefined) {
    hub = await fakeHub(answers);
    await writeFile(join(folder, "ca.pem"), hub.root);
    env = { MUSTER_HUB: hub.url, MUSTER_TOKEN: TOKEN, MUSTER_CA_FILE: join(folder, "ca.pem") };
  }
  const home = join(folder, "home");
  const exitCode = await run(words, { terminal, env, home, version: "0.1.0", addExtra: addRenderCommand });
  return { exitCode, ...said };
}

const at = (path: string): string => join(folder, path);

describe("muster render", { timeout: 30_000 }, () => {
  it("shows what a checkout would give a cluster, without a hub", async () => {
    const words = ["render", "shop", "-f", at("defs"), "--local", at("checkout"), "-c", "eu-1", "-l", "tier=prod"];
    const { out, err, exitCode } = await muster(words);
    expect(exitCode).toBe(0);
    expect(out).toBe(`---
apiVersion: v1
kind: ConfigMap
metadata:
  name: shop
data:
  value: new on eu-1
`);
    expect(err).toMatch(/default\/shop for eu-1 from \S+checkout: 1 object, by plain \S+, b1:sha256:[0-9a-f]{64}; /);
  });

  it("fetches the Source where no checkout is named, and warns of a cluster that is not selected", async () => {
    const words = ["render", "shop", "-f", at("defs"), "-c", "eu-1", "-l", "region=eu", "-o", "json"];
    const { out, err, exitCode } = await muster(words);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ kind: "List", items: [{ data: { value: "eu" } }] });
    expect(err).toContain("eu-1 is not selected by spec.clusters of default/shop");
    expect(err).toMatch(/from file:\S+ at [0-9a-f]{7} "First"/);
  });

  it("takes App, Source and labels from the hub, and files from here", async () => {
    const answers = {
      "GET /v1/definitions?kind=App": { items: [app] },
      "GET /v1/definitions?kind=Source": { items: [source] },
      "GET /v1/definitions?kind=Project": { items: [] },
      "GET /v1/clusters/prod-eu-1": aCluster(),
    };
    const { out, err, exitCode } = await muster(["render", "shop", "-c", "prod-eu-1"], answers);
    expect([exitCode, err]).toEqual([0, expect.not.stringContaining("warning")]);
    expect(out).toContain("value: eu\n");
  });

  it("tells what is wrong with file and line, and prints nothing", async () => {
    await write("broken/apps/shop/web.yaml", "apiVersion: v1\nmetadata: { name: a }\n");
    const words = ["render", "shop", "-f", at("defs"), "--local", at("broken"), "-c", "eu-1", "-l", "tier=prod"];
    const { out, err, exitCode } = await muster(words);
    expect([exitCode, out]).toEqual([1, ""]);
    expect(err).toContain('apps/shop/web.yaml:1 (document 1): "kind" is missing.');
  });

  it("makes the Apps of AppSets from what the checkout holds now", async () => {
    await write("checkout/teams/red/a.yaml", configMap("red on $" + "{cluster.name}"));
    const template = {
      metadata: { name: "team-$" + "{directory.name}" },
      spec: { ...app.spec, source: { name: "fleet", path: "$" + "{directory.path}" } },
    };
    const generator = { directories: { source: "fleet", path: "teams/*" } };
    const set = { apiVersion, kind: "AppSet", metadata: { name: "teams" }, spec: { generator, template } };
    await write("sets/set.yaml", JSON.stringify(set));
    const words = (name: string) => [
      "render",
      name,
      "-f",
      at("sets"),
      "--local",
      at("checkout"),
      "-c",
      "eu-1",
      "-l",
      "tier=prod",
    ];
    const { out, exitCode } = await muster(words("team-red"));
    expect([exitCode, out]).toEqual([0, expect.stringContaining("value: red on eu-1\n")]);
    expect(await muster(words("team-rd"))).toMatchObject({
      exitCode: 3,
      err: expect.stringContaining("Did you mean default/team-red?"),
    });
  });

  it.each<[string, object, string[]]>([
    [
      "kinds",
      { kinds: { namespaced: ["Secret"] } },
      ["ConfigMap default/shop: Project default does not allow the kind ConfigMap."],
    ],
    ["namespaces", { namespaces: ["web"] }, ["does not allow the namespace default"]],
    ["repositories", { repositories: ["https://git.example.com/**"] }, ["Source default/fleet"]],
    ["its quota", { quota: { objects: 0 } }, ["Project default may have 0 objects"]],
  ])("refuses what the Project forbids: %s", async (_what, spec, told) => {
    await write("project.yaml", JSON.stringify({ apiVersion, kind: "Project", metadata: { name: "default" }, spec }));
    const files = ["-f", at("defs"), "-f", at("project.yaml")];
    const words = ["render", "shop", ...files, "--local", at("checkout"), "-c", "eu-1", "-l", "tier=prod"];
    const { out, err, exitCode } = await muster(words);
    expect([exitCode, out]).toEqual([1, ""]);
    for (const text of told) expect(err).toContain(text);
  });

  it("warns of a cluster that the Project leaves out, and of one that is suspended", async () => {
    const spec = { clusters: { names: ["us-1"] }, suspended: true };
    await write("project.yaml", JSON.stringify({ apiVersion, kind: "Project", metadata: { name: "default" }, spec }));
    const files = ["-f", at("defs"), "-f", at("project.yaml")];
    const { err, exitCode } = await muster([
      "render",
      "shop",
      ...files,
      "--local",
      at("checkout"),
      "-c",
      "eu-1",
      "-l",
      "tier=prod",
    ]);
    expect(exitCode).toBe(0);
    expect(err).toContain("eu-1 is not among the clusters of the Project default");
    expect(err).toContain("Project default is suspended");
  });

  it("says that it needs a hub to compare with, and fails as what it is", async () => {
    const words = ["render", "shop", "-f", at("defs"), "--local", at("checkout"), "-c", "eu-1", "-l", "tier=prod"];
    expect(await muster([...words, "--diff"])).toMatchObject({
      exitCode: 4,
      out: "",
      err: expect.stringContaining("--diff compares with what a hub has assigned: No hub is set."),
    });
    expect(await muster([...words, "--diff", "newest"])).toMatchObject({ exitCode: 2, out: "" });
    expect(await muster([...words, "--diff", "-o", "json"])).toMatchObject({ exitCode: 2, out: "" });
  });

  it.each<[string, string[], number, string]>([
    ["a cluster, where they differ", ["shop"], 2, "Name one with --cluster."],
    ["an App that is there", ["shp", "-c", "eu-1", "-l", "a=b"], 3, "Did you mean default/shop?"],
    ["a label of a cluster", ["shop", "-l", "a=b"], 2, "Name it with --cluster."],
  ])("asks for %s", async (_what, words, code, told) => {
    const { err, exitCode } = await muster(["render", ...words, "-f", at("defs"), "--local", at("checkout")]);
    expect([exitCode, err]).toEqual([code, expect.stringContaining(told)]);
  });

  it("says how to do without a hub where there is none", async () => {
    const { err, exitCode } = await muster(["render", "shop", "-c", "eu-1"]);
    expect([exitCode, err]).toEqual([4, expect.stringContaining("To do without a hub, give the definitions with -f.")]);
  });
});
