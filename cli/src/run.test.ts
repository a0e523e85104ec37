import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "./run.ts";
import {
  type Answers,
  aCluster,
  anApp,
  aRelease,
  aSource,
  aStatus,
  fakeHub,
  fakeTerminal,
  problem,
  TOKEN,
} from "./testing/fake-hub.ts";

let folder: string;
let hub: Awaited<ReturnType<typeof fakeHub>> | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-cli-"));
});
afterEach(async () => {
  await hub?.close();
  hub = null;
  await rm(folder, { recursive: true });
});

async function muster(
  words: readonly string[],
  answers: Answers = {},
  options: Parameters<typeof fakeTerminal>[0] & { env?: Record<string, string> } = {},
) {
  hub ??= await fakeHub(answers);
  await writeFile(join(folder, "ca.pem"), hub.root);
  const { terminal, said } = fakeTerminal(options);
  const env = {
    MUSTER_HUB: hub.url,
    MUSTER_TOKEN: TOKEN,
    MUSTER_CA_FILE: join(folder, "ca.pem"),
    ...options.env,
  };
  const exitCode = await run(words, { terminal, env, home: folder, version: "0.1.0" });
  return { exitCode, ...said, calls: hub.calls };
}

describe("status", () => {
  it("shows the fleet at a glance", async () => {
    const { out, exitCode } = await muster(["status"], { "GET /v1/status": aStatus() });
    expect(exitCode).toBe(0);
    expect(out).toBe(`1/1 clusters connected · storefront/fleet at 4f2c9e1

APP              RELEASE  COMMIT                     AT RELEASE  HEALTHY  FAILED  OFFLINE  DRIFT  STATE
storefront/shop      r42  4f2c9e1 Raise the timeout       37/40       36       0        1      0  rollout: r42, 3 to go
`);
  });

  it("tells a problem once, with its place and what to do", async () => {
    const broken = {
      code: "KindMissing" as const,
      message: '"kind" is missing.',
      where: { path: "apps/shop/deploy.yaml", line: 17, commit: "4f2c9e1aa", document: 2 },
      fix: "Fix the file and push; nothing else is needed.",
    };
    const status = aStatus({ sources: [aSource({ problems: [broken] })], apps: [anApp({ problems: [broken] })] });
    const { out } = await muster(["status"], { "GET /v1/status": status });
    expect(out).toContain(`✗ Source storefront/fleet, storefront/shop
  apps/shop/deploy.yaml:17 (commit 4f2c9e1, document 2): "kind" is missing.
  Fix the file and push; nothing else is needed.`);
  });

  it("says why an App fails, in short", async () => {
    const firstCause = { message: "Service default/shop exists", clusters: ["eu-1", "eu-2"], count: 3 };
    const summary = { ...anApp().summary, failed: 3 };
    const status = aStatus({ apps: [anApp({ summary, firstCause })] });
    const { out } = await muster(["status"], { "GET /v1/status": status });
    expect(out).toContain(`✗ storefront/shop fails on 3 of 40 clusters
  eu-1 and 2 more: Service default/shop exists
  muster why storefront/shop
`);
  });

  it("lets nothing from Git reach the terminal as it is", async () => {
    const app = anApp({ release: aRelease({ subject: "evil \u001b]0;pwned\u0007\u001b[2J\nsecond line" }) });
    for (const words of [["status"], ["status", "-o", "yaml"], ["get", "apps"]]) {
      const answers = { "GET /v1/status": aStatus({ apps: [app] }), "GET /v1/apps": { items: [app] } };
      const { out } = await muster(words, answers);
      expect(out).not.toContain("\u001b");
    }
  });

  it("shows a commit that is held as what it is, and not as a failure", async () => {
    const commit = "88a01d3aa0000000000000000000000000000000";
    const held = { commit, subject: "Sneak in", author: "Eve", reason: "unsigned.", since: "2026-03-03T13:05:00.000Z" };
    const problem = {
      code: "CommitHeld" as const,
      message: "Commit 88a01d3 is held: unsigned.",
      where: {},
      fix: "Sign.",
    };
    const source = aSource({ state: "Held", held, problems: [problem] });
    const status = aStatus({ sources: [source, { ...source, name: "new", revision: null }] });
    const answers = { "GET /v1/status": status, "GET /v1/sources": { items: [source] } };
    const { out } = await muster(["status"], answers);
    expect(out).toContain("storefront/fleet at 4f2c9e1 (88a01d3 is held) · storefront/new: 88a01d3 is held");
    expect(out).toContain(`! Source storefront/fleet, Source storefront/new
  Commit 88a01d3 is held: unsigned.
  Sign.`);
    expect(out).not.toContain("✗");
    const listed = await muster(["get", "sources"]);
    expect(listed.out).toMatch(/storefront\/fleet +Held /);
  });

  it("tells what is only worth knowing of an App as such", async () => {
    const notice = { code: "ChartKept" as const, message: "web 1.0.0 is rendered from the archive.", where: {} };
    const { out } = await muster(["status"], { "GET /v1/status": aStatus({ apps: [anApp({ notices: [notice] })] }) });
    expect(out).toContain("! storefront/shop\n  web 1.0.0 is rendered from the archive.");
  });

  it("answers programs in JSON, with ISO times", async () => {
    const { out } = await muster(["status", "-o", "json"], { "GET /v1/status": aStatus() });
    expect(JSON.parse(out)).toEqual(aStatus());
  });

  it("is drawn anew at each change until it is interrupted", async () => {
    hub = await fakeHub({ "GET /v1/status": aStatus() });
    await writeFile(join(folder, "ca.pem"), hub.root);
    const { terminal, said, interrupt } = fakeTerminal();
    const env = { MUSTER_HUB: hub.url, MUSTER_TOKEN: TOKEN, MUSTER_CA_FILE: join(folder, "ca.pem") };
    const running = run(["status", "--watch"], { terminal, env, home: folder, version: "0.1.0" });
    await expect.poll(() => said.frames.length).toBe(1);
    hub.change();
    await expect.poll(() => said.frames.length).toBe(2);
    interrupt();
    expect(await running).toBe(0);
  });
});

describe("get app", () => {
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", namespace: "default", name: "shop" };
  const placement = {
    cluster: "eu-1",
    clusterState: "Connected" as const,
    assigned: null,
    removing: false,
    isAhead: false,
    observed: {
      generation: 5,
      digest: null,
      phase: "Applied" as const,
      sync: "Synced" as const,
      health: "Healthy" as const,
      message: "",
      objects: 1,
      drift: 0,
      at: "2026-03-03T13:04:56.000Z",
    },
  };
  const healedAt = Date.parse("2026-03-03T13:04:00.000Z");
  const detail = {
    ...placement,
    objects: [{ ref: deployment, sync: "Synced", health: "Healthy", message: "" }],
    drift: [
      {
        object: deployment,
        field: "spec.replicas",
        expected: "3",
        found: "5",
        manager: "kubectl-edit",
        at: healedAt,
        healedAt,
      },
    ],
    problems: [],
  };
  const answers = {
    "GET /v1/projects/storefront/apps/shop": { ...anApp(), placements: [placement] },
    "GET /v1/projects/storefront/apps/shop/placements/eu-1": detail,
  };
  const healed = "eu-1: Deployment default/shop spec.replicas: 3 → 5 by kubectl-edit, healed 60 s ago";

  it("shows drift that was healed", async () => {
    const { out, exitCode } = await muster(["get", "app", "storefront/shop"], answers);
    expect(exitCode).toBe(0);
    expect(out).toContain(healed);
  });

  it("shows the objects and the drift in one cluster", async () => {
    const { out } = await muster(["get", "app", "storefront/shop", "--cluster", "eu-1"], answers);
    expect(out).toMatch(/Deployment default\/shop +Synced +Healthy/);
    expect(out).toContain(healed);
  });

  it("goes on without the details of a cluster that cannot be told", async () => {
    const { "GET /v1/projects/storefront/apps/shop": app } = answers;
    const { out, exitCode } = await muster(["get", "app", "storefront/shop"], {
      "GET /v1/projects/storefront/apps/shop": app,
    });
    expect(exitCode).toBe(0);
    expect(out).not.toContain("drift (");
  });

  it("wants an App for --cluster", async () => {
    expect((await muster(["get", "apps", "--cluster", "eu-1"], {})).exitCode).toBe(2);
  });
});

describe("cluster", () => {
  const registration = {
    cluster: aCluster({ state: "Registered" }),
    token: "mj1_example",
    expires: "2026-03-03T14:05:00.000Z",
    hubAddress: "https://hub.example.com",
    caHash: "sha256:9b1c",
  };

  it("registers with labels and says how to install the agent", async () => {
    const { out, calls } = await muster(
      ["cluster", "register", "prod-eu-1", "--label", "tier=prod", "--label", "region=eu"],
      { "GET /v1/clusters": { items: [] }, "POST /v1/clusters": { status: 201, body: registration } },
    );
    expect(calls.slice(1)).toMatchObject([{ body: { name: "prod-eu-1", labels: { tier: "prod", region: "eu" } } }]);
    expect(out).toMatch(/^Registered prod-eu-1\. Start its agent within 1 h \(the token works once\):\n/);
    expect(out).toContain("--hub https://hub.example.com --ca-hash sha256:9b1c");
    expect(out).toContain("--join-token mj1_example");
  });

  const labelled = (loses: string[]) => (body: unknown) => ({
    status: 200,
    body: { ...aCluster(), gains: [], loses, dryRun: (body as { dryRun: boolean }).dryRun },
  });

  it("sets labels and takes them away, without a question when no App leaves", async () => {
    const { calls, exitCode } = await muster(["cluster", "label", "prod-eu-1", "canary=true", "tier-"], {
      "PATCH /v1/clusters/prod-eu-1": labelled([]),
    });
    const labels = { set: { canary: "true" }, remove: ["tier"] };
    expect([exitCode, calls.map(({ body }) => body)]).toEqual([
      0,
      [
        { labels, dryRun: true },
        { labels, dryRun: false },
      ],
    ]);
  });

  it.each([
    ["a yes", [], { answer: true }, 0, [true, false]],
    ["a no", [], { answer: false }, 1, [true]],
    ["nobody to ask", [], {}, 2, [true]],
    ["--yes", ["--yes"], {}, 0, [false]],
    ["--dry-run", ["--dry-run"], {}, 0, [true]],
  ])("labels that make an App leave: %s", async (_, flags, options, exitCode, dryRuns) => {
    const answers = { "PATCH /v1/clusters/prod-eu-1": labelled(["storefront/shop"]) };
    const result = await muster(["cluster", "label", "prod-eu-1", "tier=test", ...flags], answers, options);
    expect([result.exitCode, result.calls.map(({ body }) => (body as { dryRun: boolean }).dryRun)]).toEqual([
      exitCode,
      dryRuns,
    ]);
    expect(result.out + result.err).toContain("1 App (storefront/shop) leaves prod-eu-1");
  });

  it("asks as well when a new registration changes the labels of a cluster that is there", async () => {
    const answers = {
      "GET /v1/clusters": { items: [aCluster()] },
      "PATCH /v1/clusters/prod-eu-1": labelled(["storefront/shop"]),
      "POST /v1/clusters": { status: 201, body: registration },
    };
    const words = ["cluster", "register", "prod-eu-1", "--label", "tier=test"];
    const refused = await muster(words, answers);
    expect([refused.exitCode, refused.calls.map(({ method }) => method)]).toEqual([2, ["GET", "PATCH"]]);
    expect((await muster([...words, "--yes"], answers)).exitCode).toBe(0);
  });

  it.each([
    ["a yes", { answer: true }, 0, 2],
    ["a no", { answer: false }, 1, 1],
    ["nobody to ask", {}, 2, 1],
  ])("removes only on a yes: %s", async (_, options, exitCode, calls) => {
    const result = await muster(
      ["cluster", "remove", "prod-eu-1"],
      { "GET /v1/clusters/prod-eu-1": aCluster(), "DELETE /v1/clusters/prod-eu-1": { status: 204, body: undefined } },
      options,
    );
    expect([result.exitCode, result.calls.length]).toEqual([exitCode, calls]);
  });
});

describe("apply", () => {
  const definitions = `apiVersion: muster.dev/v1alpha1
kind: App
metadata: { name: shop, project: storefront }
spec:
  source: { name: fleet, path: apps/shop }
  clusters: { matchLabels: { tier: prod } }
`;
  const result = (loses: string[], more: object = {}) => ({
    results: [{ kind: "App", name: "storefront/shop", outcome: "changed", gains: ["prod-eu-2"], loses, ...more }],
    dryRun: false,
  });

  it.each([
    [{ deletes: true }, "Objects are deleted from a cluster that loses an App. Go on?"],
    [{ deletes: false }, "The objects stay (onUnplaced: keep), and nobody looks after them any more. Go on?"],
  ])("says what becomes of the objects: %j", async (more, question) => {
    const answers = { "POST /v1/apply": result(["prod-eu-1"], more) };
    const { questions } = await muster(["apply", "-f", "-"], answers, { answer: false, input: definitions });
    expect(questions).toEqual([question]);
  });

  it("asks the hub first, then does it", async () => {
    const { out, calls, exitCode } = await muster(
      ["apply", "-f", "-"],
      { "POST /v1/apply": result([]) },
      { input: definitions },
    );
    expect([exitCode, calls.map(({ body }) => (body as { dryRun: boolean }).dryRun)]).toEqual([0, [true, false]]);
    expect(out).toBe("App storefront/shop changed: goes to 1 cluster (prod-eu-2)\n");
  });

  it.each([
    [{ answer: true }, 0, 2],
    [{ answer: false }, 1, 1],
    [{}, 2, 1],
  ])("asks before a cluster loses an App: %j", async (options, exitCode, calls) => {
    const answers = { "POST /v1/apply": result(["prod-eu-1"]) };
    const applied = await muster(["apply", "-f", "-"], answers, { ...options, input: definitions });
    expect([applied.exitCode, applied.calls.length]).toEqual([exitCode, calls]);
    expect(applied.err).toContain("leaves 1 cluster (prod-eu-1)");
  });

  it("names file and line, and sends nothing, when a definition is broken", async () => {
    await writeFile(join(folder, "shop.yaml"), definitions.replace("clusters:", "cluster:"));
    const { err, calls, exitCode } = await muster(["apply", "-f", folder]);
    expect([exitCode, calls]).toEqual([1, []]);
    expect(err).toContain(`shop.yaml:6: "spec.cluster" is not a known field; did you mean "clusters"?`);
    expect(err).toContain("Nothing was applied");
  });

  it("points the hub's own refusal at a line", async () => {
    const refusal = problem(400, "invalid", "There is no such Source.", { field: "definitions[0].spec.source.name" });
    const { err, exitCode } = await muster(["apply", "-f", "-"], { "POST /v1/apply": refusal }, { input: definitions });
    expect([exitCode, err]).toEqual([1, "muster: standard input:5: There is no such Source.\n"]);
  });
});

describe("delete app", () => {
  const path = "/v1/projects/storefront/apps/shop";
  const definition = (action: string) => ({
    apiVersion: "muster.dev/v1alpha1",
    kind: "App",
    metadata: { name: "shop", project: "storefront" },
    spec: { onUnplaced: { action, grace: "10m" } },
  });

  it.each([
    ["delete", "storefront/shop and what it made goes from 40 clusters."],
    ["keep", "storefront/shop leaves 40 clusters; what it made stays there (onUnplaced: keep)"],
  ])("says what becomes of the objects: %s", async (action, told) => {
    const answers = {
      [`GET ${path}`]: { ...anApp(), placements: [] },
      "GET /v1/definitions?kind=App": { items: [definition(action)] },
    };
    const { err, calls } = await muster(["delete", "app", "storefront/shop"], answers, { answer: false });
    expect(err).toContain(told);
    expect(calls.map(({ method }) => method)).toEqual(["GET", "GET"]);
  });
});

describe("rollback", () => {
  const view = {
    app: "storefront/shop",
    from: 42,
    to: 41,
    commit: "1d0aa42ffff",
    clusters: ["prod-eu-1"],
    dryRun: true,
  };

  it("shows what would move, asks, and does exactly that", async () => {
    const { out, err, calls } = await muster(
      ["rollback", "storefront/shop", "--to", "previous", "--reason", "errors"],
      { "POST /v1/rollbacks": view },
      { answer: true },
    );
    expect(calls.map(({ body }) => body)).toMatchObject([
      { project: "storefront", app: "shop", to: "previous", dryRun: true },
      { project: "storefront", app: "shop", to: "r41", dryRun: false },
    ]);
    expect(err).toContain("storefront/shop r42 → r41 (commit 1d0aa42) on 1 cluster (prod-eu-1).");
    expect(out).toContain("muster unpin storefront/shop");
  });

  it("changes nothing on --dry-run", async () => {
    const words = ["rollback", "shop", "-p", "storefront", "--to", "r41", "--reason", "x", "--dry-run"];
    const { calls, out } = await muster(words, { "POST /v1/rollbacks": view });
    expect(calls).toHaveLength(1);
    expect(out).toContain("Nothing was changed.");
  });

  it("holds an App where it is when that is what is asked for, and says that nothing moves", async () => {
    const words = ["rollback", "storefront/shop", "--to", "r41", "--reason", "sale"];
    const { out, err } = await muster(words, { "POST /v1/rollbacks": { ...view, from: 41 } }, { answer: true });
    expect(err).toContain(
      "This holds storefront/shop at r41 (commit 1d0aa42), which is what it runs by now: nothing moves.",
    );
    expect(out).toMatch(/^Held storefront\/shop at r41/);
  });

  it("needs a reason", async () => {
    const { exitCode, err, calls } = await muster(["rollback", "shop", "--to", "r1"]);
    expect([exitCode, calls]).toEqual([2, []]);
    expect(err).toContain("--reason");
  });
});

describe("unpin", () => {
  const pin = { release: 41, by: "admin", reason: "errors", since: "2026-03-03T12:05:00.000Z" };
  const app = anApp({ pin, target: aRelease({ number: 41, commit: "1d0aa42ffff", subject: "Before" }) });
  const path = "/v1/projects/storefront/apps/shop";
  const answers = {
    [`GET ${path}`]: { ...app, placements: [] },
    [`DELETE ${path}/pin?reason=over`]: anApp(),
    "GET /v1/status": aStatus({ apps: [app] }),
  };

  it.each([
    ["a yes", [], { answer: true }, 0, ["GET", "DELETE"]],
    ["a no", [], { answer: false }, 1, ["GET"]],
    ["nobody to ask", [], {}, 2, ["GET"]],
    ["--yes", ["--yes"], {}, 0, ["GET", "DELETE"]],
  ])("shows what would move and asks: %s", async (_, flags, options, exitCode, methods) => {
    const words = ["unpin", "storefront/shop", "--reason", "over", ...flags];
    const result = await muster(words, answers, options);
    expect([result.exitCode, result.calls.map(({ method }) => method)]).toEqual([exitCode, methods]);
    const shown = "storefront/shop r41 → r42 (commit 4f2c9e1) on 40 clusters.";
    expect(result.err.includes(shown)).toBe(flags.length === 0);
  });

  it("status shows the commit of the pinned Release", async () => {
    expect((await muster(["status"], answers)).out).toMatch(/r41 {2}1d0aa42 Before/);
  });
});

describe("get", () => {
  it("prints a definition that can be applied again, with its status", async () => {
    const definition = {
      apiVersion: "muster.dev/v1alpha1",
      kind: "App",
      metadata: { name: "shop", project: "storefront" },
      spec: { source: { name: "fleet", path: "apps/shop" }, clusters: { all: true } },
    };
    const answers = {
      "GET /v1/projects/storefront/apps/shop": { ...anApp(), placements: [] },
      "GET /v1/definitions?kind=App": { items: [definition] },
      "POST /v1/apply": { results: [], dryRun: false },
    };
    const { out } = await muster(["get", "app", "storefront/shop", "-o", "yaml"], answers);
    expect(out).toMatch(/^apiVersion: muster.dev\/v1alpha1\nkind: App\n/);
    expect(out).toContain("\nstatus:\n");
    const again = await muster(["apply", "-f", "-"], answers, { input: out });
    expect([again.exitCode, again.err]).toEqual([0, ""]);
  });

  it.each([
    [["get", "sources"], "GET /v1/sources", { items: [aSource()] }, "storefront/fleet  Ready"],
    [["get", "clusters"], "GET /v1/clusters", { items: [aCluster()] }, "region=eu,tier=prod"],
    [["get", "apps", "-p", "other"], "GET /v1/apps", { items: [anApp()] }, "No Apps."],
    [
      ["get", "releases", "storefront/shop"],
      "GET /v1/projects/storefront/apps/shop/releases",
      { items: [aRelease()] },
      "r42  4f2c9e1 Raise the timeout",
    ],
    [
      ["app", "history", "storefront/shop"],
      "GET /v1/projects/storefront/apps/shop/releases",
      { items: [aRelease()] },
      "60 min",
    ],
    [
      ["why", "storefront/shop", "-c", "prod-eu-1"],
      "GET /v1/projects/storefront/apps/shop/why?cluster=prod-eu-1",
      { app: "storefront/shop", cluster: "prod-eu-1", reason: "Running", message: "It runs.", next: null },
      "It runs.   [reason: Running]",
    ],
  ])("%j", async (words, route, answer, expected) => {
    const { out, exitCode } = await muster(words, { [route]: answer });
    expect(exitCode).toBe(0);
    expect(out).toContain(expected);
  });
});

describe("what goes wrong", () => {
  it.each([
    ["a wrong token", { MUSTER_TOKEN: "wrong" }, 4, "muster: Unknown token.\n"],
    ["nothing there", { MUSTER_HUB: "https://127.0.0.1:2" }, 5, "cannot be reached: nothing listens there."],
    ["no hub", { MUSTER_HUB: "" }, 4, "No hub is set."],
    ["http", { MUSTER_HUB: "http://127.0.0.1:1" }, 2, "no address of a hub"],
    ["a name that is not known", { MUSTER_HUB: "elsewhere" }, 2, 'know no hub "elsewhere"'],
    ["another root", { MUSTER_CA_FILE: "" }, 4, "is not trusted"],
  ])("%s", async (_, env, exitCode, words) => {
    const result = await muster(["status"], { "GET /v1/status": aStatus() }, { env: env as Record<string, string> });
    expect(result.exitCode).toBe(exitCode);
    expect(result.err).toContain(words);
    expect(result.out).toBe("");
  });

  it.each([
    [404, 3],
    [403, 4],
    [409, 6],
    [503, 5],
    [500, 1],
  ])("the hub's %i is exit code %i", async (status, exitCode) => {
    const answer = problem(status, "x", "What happened.", { fix: "What to do." });
    const result = await muster(["why", "shop"], { "GET /v1/projects/default/apps/shop/why": answer });
    expect([result.exitCode, result.err]).toEqual([exitCode, "muster: What happened.\nWhat to do.\n"]);
  });

  it.each([
    [["stauts"], /unknown command 'stauts'/],
    [["get", "pods"], /nothing to get/],
    [["get", "releases"], /Releases of which App/],
    [["cluster", "register", "a", "--label", "tier"], /is no label/],
    [["why", "a/b/c"], /is no name/],
    [["why", "shop", "--commit", "main"], /"main" is no commit/],
  ])("wrong use: %j", async (words, message) => {
    const { exitCode, err } = await muster(words);
    expect(exitCode).toBe(2);
    expect(err).toMatch(message);
  });
});

describe("login", () => {
  it("trusts a root by its hash, remembers the hub, and needs no flags after", async () => {
    hub = await fakeHub({ "GET /v1/status": aStatus() });
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, `${TOKEN}\n`);
    const none = { MUSTER_HUB: "", MUSTER_TOKEN: "", MUSTER_CA_FILE: "" };
    const login = ["login", "--hub", hub.url, "--token-file", tokenFile, "--ca-hash"];
    const refused = await muster([...login, `sha256:${"0".repeat(64)}`], {}, { env: none });
    expect([refused.exitCode, refused.calls]).toEqual([4, []]);

    const done = await muster([...login, hub.caHash], {}, { env: none });
    expect([done.exitCode, done.err]).toEqual([0, ""]);
    const settings = join(folder, ".config", "muster", "config.yaml");
    expect(await readFile(settings, "utf8")).not.toContain(TOKEN);
    expect((await stat(settings)).mode & 0o777).toBe(0o600);

    const after = await muster(["status"], {}, { env: none });
    expect([after.exitCode, after.out]).toEqual([0, expect.stringContaining("storefront/shop")]);
  });
});

describe("completion", () => {
  it.each([
    [["clu"], ["cluster"]],
    [
      ["cluster", "re"],
      ["register", "remove"],
    ],
    [["get", "so"], ["sources"]],
    [["status", "--out"], ["--output"]],
    [
      ["status", "-o", ""],
      ["json", "yaml", "wide"],
    ],
    [["why", ""], ["storefront/shop"]],
    [["why", "storefront/shop", "--cluster", "p"], ["prod-eu-1"]],
    [["cluster", "get", ""], ["prod-eu-1"]],
    [["rollback", "storefront/shop", "--to", ""], ["previous"]],
    [["completion", "f"], ["fish"]],
  ])("%j", async (words, expected) => {
    const answers = { "GET /v1/apps": { items: [anApp()] }, "GET /v1/clusters": { items: [aCluster()] } };
    const { out } = await muster(["__complete", "--", ...words], answers);
    expect(out.split("\n").filter((line) => line !== "")).toEqual(expected);
  });

  it.each(["bash", "zsh", "fish"])("has a script for %s", async (shell) => {
    const { out, exitCode } = await muster(["completion", shell]);
    expect([exitCode, out]).toEqual([0, expect.stringContaining("muster __complete")]);
  });
});
