import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../run.ts";
import { type Answers, aSource, fakeHub, fakeTerminal, problem, TOKEN } from "../testing/fake-hub.ts";

let folder: string;
let hub: Awaited<ReturnType<typeof fakeHub>> | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-cli-"));
});
afterEach(async () => {
  await hub?.close();
  hub = undefined;
  await rm(folder, { recursive: true });
});

async function muster(words: readonly string[], answers: Answers, input = "") {
  hub = await fakeHub(answers);
  await writeFile(join(folder, "ca.pem"), hub.root);
  const { terminal, said } = fakeTerminal({ input });
  const env = { MUSTER_HUB: hub.url, MUSTER_TOKEN: TOKEN, MUSTER_CA_FILE: join(folder, "ca.pem") };
  const exitCode = await run(words, { terminal, env, home: folder, version: "0.1.0" });
  return { ...said, exitCode, calls: hub.calls };
}

const written = `apiVersion: muster.dev/v1alpha1
kind: App
metadata:
  name: shop
spec:
  source:
    name: fleet
  clusters:
    all: true
  sync:
    drift: warn
`;
const stored = {
  apiVersion: "muster.dev/v1alpha1",
  kind: "App",
  metadata: { name: "shop", project: "default" },
  spec: {
    source: { name: "fleet", path: "." },
    render: { capabilities: { apiVersions: [], live: false } },
    destination: { namespace: "default", createNamespace: false },
    clusters: { all: true },
    vars: {},
    substitute: false,
    overrides: [],
    sync: { adopt: "none", drift: "heal", prune: true },
    onUnplaced: { action: "delete", grace: "10m" },
    takesOverFrom: [],
  },
};
const result = (change: object = {}) => ({
  results: [{ kind: "App", name: "default/shop", outcome: "changed", gains: [], loses: ["eu-1"], ...change }],
  dryRun: true,
});
const definitions = { "GET /v1/definitions?kind=App": { items: [stored] } };

describe("diff", () => {
  it("shows what would change and who loses it, and exits with 1", async () => {
    const { out, exitCode, calls } = await muster(
      ["diff", "-f", "-"],
      { "POST /v1/apply": result(), ...definitions },
      written,
    );
    expect(exitCode).toBe(1);
    expect(out).toContain("App default/shop would be changed: leaves 1 cluster (eu-1)");
    expect(out).toContain("--- hub/app/default/shop\n+++ file/app/default/shop\n");
    expect(out).toContain("   clusters:\n     all: true\n+  sync:\n+    drift: warn\n");
    expect(out).not.toContain("createNamespace");
    expect(calls.map(({ body }) => body)).toContainEqual(expect.objectContaining({ dryRun: true }));
  });

  it("exits with 0 when nothing would", async () => {
    const answers = { "POST /v1/apply": result({ outcome: "unchanged", loses: [] }), ...definitions };
    const { out, exitCode } = await muster(["diff", "-f", "-"], answers, written);
    expect([exitCode, out]).toEqual([0, "Nothing would change: 1 definition as in the hub.\n"]);
  });

  it("exits with another code when it cannot tell", async () => {
    expect((await muster(["diff", "-f", "-"], {}, "kind: [")).exitCode).toBe(2);
    const refused = () =>
      problem(409, "conflict", "App default/shop belongs to Source default/fleet", { fix: "Change it in Git." });
    const { err, exitCode } = await muster(["diff", "-f", "-"], { "POST /v1/apply": refused }, written);
    expect(exitCode).toBe(6);
    expect(err).toContain("belongs to Source default/fleet");
  });
});

describe("get -o yaml", () => {
  const answers = { "GET /v1/projects/default/apps/shop": { name: "shop" }, ...definitions };
  it("shows what people would write", async () => {
    const { out } = await muster(["get", "app", "shop", "-o", "yaml"], answers);
    expect(out).toContain("spec:\n  source:\n    name: fleet\n  clusters:\n    all: true\nstatus:\n");
  });
  it("shows every default when asked", async () => {
    const { out } = await muster(["get", "app", "shop", "-o", "yaml", "--defaults"], answers);
    expect(out).toContain("  sync:\n    adopt: none\n    drift: heal\n    prune: true\n");
    expect(out).toContain("  onUnplaced:\n    action: delete\n    grace: 10m\n");
  });
});

it("tells of a Source's definitions and what is wrong with them", async () => {
  const wrong = {
    code: "UnknownField" as const,
    message: 'App storefront/shop: "spec.clutsers" is not a known field; did you mean "clusters"?',
    where: { path: "fleet/shop.yaml", line: 7, commit: "4f2c9e1aa", document: 1 },
  };
  const found = { path: "fleet", fleet: false, commit: "4f2c9e1aa0", documents: 3, problems: [wrong] };
  const answers = { "GET /v1/projects/storefront/sources/fleet": aSource({ definitions: found }) };
  const { out } = await muster(["get", "source", "storefront/fleet"], answers);
  expect(out).toContain("Definitions in fleet: 3 documents at commit 4f2c9e1");
  expect(out).toContain('fleet/shop.yaml:7 (commit 4f2c9e1, document 1): App storefront/shop: "spec.clutsers"');
});

it("hands a definition over", async () => {
  const answer = { what: "App storefront/shop", from: "the API", to: "Source storefront/fleet" };
  const words = ["handover", "app", "storefront/shop", "--to", "storefront/fleet"];
  const { out, calls } = await muster(words, { "POST /v1/handovers": answer });
  expect(out).toBe("App storefront/shop: the API → Source storefront/fleet\n");
  expect(calls[0]?.body).toEqual({
    kind: "App",
    project: "storefront",
    name: "shop",
    to: { source: "storefront/fleet" },
  });
});
