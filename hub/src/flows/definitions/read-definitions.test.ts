import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SourceView } from "../../core/views.ts";
import { NO_CREDENTIALS } from "../../ports/credentials.ts";
import type { FakeAgent } from "../../testing/fake-agent.ts";
import { HubFixture, person, REPOSITORY } from "../../testing/hub-fixture.ts";
import { mortalStore } from "../../testing/mortal-store.ts";

const soon = { timeout: 8_000, interval: 5 };
const PROJECT = "storefront";
const OTHER = "https://git.example.com/apps.git";

let fixture: HubFixture;
let agent: FakeAgent;
beforeEach(async () => {
  fixture = await HubFixture.create();
  await fixture.startHub();
  agent = await fixture.addCluster("eu-1", { tier: "prod" });
  await agent.connect(fixture.hub.gate);
});
afterEach(() => fixture.close());

const apiVersion = "muster.dev/v1alpha1";
const defining = (over: object = {}, name = "team", project = PROJECT) => ({
  apiVersion,
  kind: "Source",
  metadata: { name, project },
  spec: { git: { url: REPOSITORY }, poll: "1h", definitions: { path: "fleet" }, ...over },
});
const manifests = (over: object = {}) => ({
  apiVersion,
  kind: "Source",
  metadata: { name: "apps", project: PROJECT },
  spec: { git: { url: OTHER }, poll: "1h", ...over },
});
const app = (name = "shop", over: object = {}, project = PROJECT) => ({
  apiVersion,
  kind: "App",
  metadata: { name, project },
  spec: { source: { name: "apps", path: `apps/${name}` }, clusters: { all: true }, ...over },
});
/** JSON is YAML. */
const yaml = (...documents: readonly object[]): string =>
  documents.map((one) => `${JSON.stringify(one, null, 1)}\n`).join("---\n");

const apply = (...definitions: readonly object[]) => fixture.hub.commands.apply(person, definitions, { dryRun: false });
const view = (name = "team", project = PROJECT) => fixture.hub.queries.source({ project, name });
const apps = async () => (await fixture.hub.queries.apps()).filter(({ deleting }) => !deleting).map(({ name }) => name);
const definitionOf = async (kind: "App" | "Source" | "Project" | "Cluster", name: string) =>
  (await fixture.hub.queries.definitions(kind)).find(({ metadata }) => metadata.name === name);

/** Pushes files and resolves with the Source once exactly that commit's definitions were read. */
async function push(files: Record<string, string>, name = "team", project = PROJECT): Promise<SourceView> {
  const commit = fixture.git.push(REPOSITORY, files);
  await fixture.hub.commands.wakeSource({ project, name });
  return vi.waitFor(async () => {
    const source = await view(name, project);
    expect(source.definitions?.commit).toBe(commit);
    await fixture.hub.settled();
    return view(name, project);
  }, soon);
}

const problemsOf = (source: SourceView) => source.definitions?.problems ?? [];
const codes = (source: SourceView) => problemsOf(source).map(({ code }) => code);

async function begun(
  files: Record<string, string> = { "fleet/shop.yaml": yaml(manifests(), app()) },
): Promise<SourceView> {
  fixture.git.push(OTHER, { "apps/shop/a.yaml": "ConfigMap shop 1", "apps/bank/a.yaml": "ConfigMap bank 1" });
  fixture.git.push(REPOSITORY, files);
  await apply(defining());
  return push(files);
}

describe("definitions in Git", () => {
  it("come into force with the commit, and say whose they are", async () => {
    const source = await begun();
    expect(source.definitions).toMatchObject({ path: "fleet", fleet: false, documents: 2, problems: [] });
    await vi.waitFor(() => expect(agent.held.size).toBe(1), soon);
    await push({ "fleet/shop.yaml": yaml(manifests(), app("shop", { sync: { drift: "warn" } })) });
    expect(await definitionOf("App", "shop")).toMatchObject({ spec: { sync: { drift: "warn" } } });
    const stored = await fixture.store.documents.get({ collection: "definitions", key: `app/${PROJECT}/shop` });
    expect(stored?.value).toMatchObject({ owner: { source: `${PROJECT}/team` } });
    const audit = await fixture.store.journal.read("audit", { after: 0, limit: 100 });
    expect(JSON.stringify(audit)).toContain(`Source ${PROJECT}/team (`);
  });

  it.each([
    ["text that is no YAML", "kind: [\n", "InvalidYaml", "fleet/bad.yaml", 2],
    ["an unknown field, with the nearest", yaml(app("bank", { clustrs: {} })), "UnknownField", "fleet/bad.yaml", 16],
    ["an unknown kind", yaml({ ...app("bank"), kind: "Application" }), "KindUnknown", "fleet/bad.yaml", 3],
    ["something twice", yaml(app("bank"), app("bank")), "DefinitionInvalid", "fleet/bad.yaml", 23],
  ])("tells %s with file and line; the good go in, and nothing goes", async (_, bad, code, path, line) => {
    await begun({ "fleet/shop.yaml": yaml(manifests(), app()), "fleet/gone.yaml": yaml(app("gone")) });
    const changed = app("shop", { sync: { drift: "off" } });
    const source = await push({ "fleet/shop.yaml": yaml(manifests(), changed), "fleet/bad.yaml": bad });
    expect(problemsOf(source)).toContainEqual(
      expect.objectContaining({ code, where: expect.objectContaining({ path, line }) }),
    );
    expect(problemsOf(source)).toContainEqual(
      expect.objectContaining({ code: "DefinitionKept", message: expect.stringContaining("app storefront/gone") }),
    );
    expect(await definitionOf("App", "shop")).toMatchObject({ spec: { sync: { drift: "off" } } });
    expect((await apps()).sort()).toEqual(["gone", "shop"]);

    const mended = await push({ "fleet/shop.yaml": yaml(manifests(), changed) });
    expect(problemsOf(mended)).toEqual([]);
    expect(await apps()).toEqual(["shop"]);
  });

  it("keeps the last good version of a document that broke", async () => {
    await begun();
    await push({ "fleet/shop.yaml": yaml(manifests(), app("shop", { clusters: {} })) });
    expect(await definitionOf("App", "shop")).toMatchObject({ spec: { clusters: { all: true } } });
  });

  it.each([
    ["a missing path", { "README.md": "moved" }],
    ["an empty path", { "fleet/README.md": "nothing" }],
    ["comments alone", { "fleet/shop.yaml": "# nothing\n" }],
    ["a link in it", { "fleet/link.yaml": "x" }],
  ])("deletes nothing for %s, and says how to mean it", async (what, files) => {
    await begun();
    const opts = what === "a link in it" ? { symlinks: ["fleet/link.yaml"] } : {};
    const commit = fixture.git.push(REPOSITORY, files as unknown as Record<string, string>, opts);
    await fixture.hub.commands.wakeSource({ project: PROJECT, name: "team" });
    await vi.waitFor(async () => expect((await view()).definitions?.commit).toBe(commit), soon);
    const source = await view();
    expect(codes(source)).toContain(what === "a link in it" ? "SymlinkRefused" : "DefinitionsMissing");
    if (what !== "a link in it") expect(problemsOf(source)[0]?.fix).toContain("muster delete");
    expect(await apps()).toEqual(["shop"]);
  });

  it("deletes nothing when the Source is deleted; the API then may", async () => {
    await begun();
    await expect(fixture.hub.commands.deleteApp(person, { project: PROJECT, name: "shop" })).rejects.toThrow(
      "App storefront/shop belongs to Source storefront/team, and the API cannot change it",
    );
    await fixture.hub.commands.deleteSource(person, { project: PROJECT, name: "team" });
    await fixture.hub.settled();
    expect(await apps()).toEqual(["shop"]);
    await fixture.hub.commands.deleteApp(person, { project: PROJECT, name: "shop" });
    expect(await apps()).toEqual([]);
  });

  it("hands what it held elsewhere to the API when it is read from another place", async () => {
    await begun({ "fleet/shop.yaml": yaml(manifests(), app()), "other/bank.yaml": yaml(app("bank")) });
    await apply(defining({ definitions: { path: "other" } }));
    await vi.waitFor(async () => expect((await apps()).sort()).toEqual(["bank", "shop"]), soon);
    await fixture.hub.settled();
    expect(codes(await view())).toContain("DefinitionKept");
    await push({ "other/bank.yaml": yaml(app("bank")) });
    await apply(app("shop", { sync: { drift: "off" } }));
    expect((await apps()).sort()).toEqual(["bank", "shop"]);
  });
});

describe("what a commit no longer holds", () => {
  it("is deleted, with a tombstone", async () => {
    await begun({ "fleet/shop.yaml": yaml(manifests(), app()), "fleet/bank.yaml": yaml(app("bank")) });
    await vi.waitFor(() => expect(agent.held.size).toBe(2), soon);
    await push({ "fleet/shop.yaml": yaml(manifests(), app()) });
    await vi.waitFor(() => expect(agent.received.some(({ content }) => content.kind === "remove")).toBe(true), soon);
    expect(await apps()).toEqual(["shop"]);
  });

  it("waits for a person when it is more than the guard lets go", async () => {
    await fixture.close();
    fixture = await HubFixture.create();
    await fixture.startHub();
    const agents: FakeAgent[] = [];
    for (let number = 0; number < 12; number += 1) {
      const one = await fixture.addCluster(`c-${number}`);
      await one.connect(fixture.hub.gate);
      agents.push(one);
    }
    await begun({ "fleet/shop.yaml": yaml(manifests(), app()), "fleet/bank.yaml": yaml(app("bank")) });
    await vi.waitFor(() => expect(agents.every(({ held }) => held.size === 2)).toBe(true), soon);
    await push({ "fleet/shop.yaml": yaml(manifests(), app()) });
    const approval = await vi.waitFor(async () => {
      const [first] = await fixture.hub.queries.approvals();
      if (first === undefined) throw new Error("nobody was asked yet");
      return first;
    }, soon);
    expect(approval).toMatchObject({ pairs: 12, askedBy: expect.stringContaining("Source storefront/team (") });
    expect(agents.flatMap(({ received }) => received).filter(({ content }) => content.kind === "remove")).toEqual([]);
    await fixture.hub.commands.grantApproval(person, approval.id, { reason: "meant" });
    await vi.waitFor(() => {
      const gone = agents.filter(({ received }) => received.some(({ content }) => content.kind === "remove"));
      expect(gone).toHaveLength(12);
    }, soon);
  });
});

describe("owners", () => {
  it("conflict when there are two, naming both; handed over, Git has it", async () => {
    fixture.git.push(OTHER, { "apps/shop/a.yaml": "ConfigMap shop 1" });
    fixture.git.push(REPOSITORY, { "fleet/shop.yaml": yaml(app("shop", { sync: { drift: "off" } })) });
    await apply(manifests(), app(), defining());
    const source = await push({ "fleet/shop.yaml": yaml(app("shop", { sync: { drift: "off" } })) });
    expect(problemsOf(source)).toEqual([
      expect.objectContaining({
        code: "OwnerConflict",
        message: expect.stringMatching(/belongs to the API, and Source storefront\/team cannot change it/),
        where: expect.objectContaining({ path: "fleet/shop.yaml", line: 1 }),
        fix: expect.stringContaining("muster handover app storefront/shop --to storefront/team"),
      }),
    ]);
    expect(await definitionOf("App", "shop")).toMatchObject({ spec: { sync: { drift: "heal" } } });

    const request = { kind: "App", project: PROJECT, name: "shop", to: { source: `${PROJECT}/team` } } as const;
    expect(await fixture.hub.commands.handOver(person, request)).toEqual({
      what: "App storefront/shop",
      from: "the API",
      to: "Source storefront/team",
    });
    await vi.waitFor(async () => {
      expect(await definitionOf("App", "shop")).toMatchObject({ spec: { sync: { drift: "off" } } });
      expect(problemsOf(await view())).toEqual([]);
    }, soon);
    await expect(apply(app())).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("belongs to Source storefront/team, and the API cannot change it"),
      fix: expect.stringContaining("muster handover app storefront/shop --to api"),
    });
    const forced = fixture.hub.commands.apply(person, [app()], { dryRun: false, takeOver: true });
    await expect(forced).rejects.toThrow("belongs to Source storefront/team");

    await fixture.hub.commands.handOver(person, { ...request, to: "api" });
    await vi.waitFor(async () => expect(codes(await view())).toEqual(["OwnerConflict"]), soon);
    await push({ "fleet/other.yaml": yaml(app("other")) });
    expect((await apps()).sort()).toEqual(["other", "shop"]);
  });

  it("give Git nothing that it does not hold", async () => {
    await begun();
    await apply(app("bank"));
    const request = { kind: "App", project: PROJECT, name: "bank", to: { source: `${PROJECT}/team` } } as const;
    await expect(fixture.hub.commands.handOver(person, request)).rejects.toThrow("does not hold App storefront/bank");
  });

  it("let the API take over what a Source that is gone held", async () => {
    await begun();
    await fixture.hub.commands.deleteSource(person, { project: PROJECT, name: "team" });
    await expect(apply(app("shop", { sync: { drift: "off" } }))).rejects.toMatchObject({
      fix: expect.stringContaining("--take-over"),
    });
    await fixture.hub.commands.apply(person, [app("shop", { sync: { drift: "off" } })], {
      dryRun: false,
      takeOver: true,
    });
    await apply(app());
  });
});

describe("a team's Source", () => {
  const forbidden: readonly [string, object, RegExp, string | null][] = [
    [
      "a Project",
      { apiVersion, kind: "Project", metadata: { name: PROJECT }, spec: { kinds: { cluster: ["*"] } } },
      /may define no Project/,
      null,
    ],
    [
      "a Cluster",
      { apiVersion, kind: "Cluster", metadata: { name: "eu-1", labels: { tier: "mine" } } },
      /may define no Cluster/,
      null,
    ],
    [
      "another Project's App",
      app("api", {}, "payments"),
      /only what is in its own Project, storefront/,
      "metadata.project",
    ],
    [
      "a fleet-level Source",
      defining({ definitions: { path: "x", fleet: true } }, "wide"),
      /cannot be made fleet-level from Git/,
      "spec.definitions.fleet",
    ],
    [
      "a credential of others",
      manifests({ git: { url: OTHER, credentials: "payments" } }),
      /credential payments is not for/,
      "spec.git.credentials",
    ],
    [
      "an address outside its Project",
      manifests({ git: { url: "https://evil.example.com/x.git" } }),
      /does not allow the repository https:\/\/evil/,
      "spec.git.url",
    ],
    [
      "a namespace of others",
      app("deep", { destination: { namespace: "kube-system" } }),
      /does not allow the namespace kube-system/,
      "spec.destination.namespace",
    ],
    [
      "objects of another Project",
      app("grab", { takesOverFrom: ["payments/api"] }),
      /take over objects of payments\/api/,
      "spec.takesOverFrom",
    ],
  ];
  it.each(forbidden)("may not define %s; what is good stays in force", async (_, document, message, field) => {
    const limits = { repositories: ["https://git.example.com/**"], namespaces: ["shop", "default"] };
    await apply({ apiVersion, kind: "Project", metadata: { name: PROJECT }, spec: limits });
    const urls = ["https://git.example.com/payments"];
    fixture.credentials.all.set("payments", { credentials: NO_CREDENTIALS, urls, projects: ["payments"] });
    const good = yaml(app("bank"));
    await begun({ "fleet/apps.yaml": yaml(manifests()), "fleet/good.yaml": good });
    const files: Record<string, string> = { "fleet/good.yaml": good, "fleet/bad.yaml": yaml(document) };
    // Beside one of its own name it would be defined twice.
    if ((document as ReturnType<typeof app>).metadata.name !== "apps") files["fleet/apps.yaml"] = yaml(manifests());
    const source = await push(files);
    expect(problemsOf(source)).toEqual([
      expect.objectContaining({
        code: "DefinitionForbidden",
        message: expect.stringMatching(message),
        fix: expect.any(String),
        where: expect.objectContaining({ path: "fleet/bad.yaml", ...(field === null ? {} : { field }) }),
      }),
    ]);
    expect(await apps()).toEqual(["bank"]);
    expect(await definitionOf("Source", "apps")).toMatchObject({ spec: { git: { url: OTHER } } });
    expect(await definitionOf("Project", PROJECT)).toMatchObject({ spec: { kinds: { cluster: [] } } });
    expect((await fixture.hub.queries.cluster("eu-1")).labels).toEqual({ tier: "prod" });
  });

  it.each([
    ["verification", { git: { url: REPOSITORY } }, "spec.git.verify", /cannot loosen its own verification/],
    ["address", { git: { url: OTHER, verify: { signers: ["platform"] } } }, "spec.git.url", /escape its own review/],
    [
      "path",
      { git: { url: REPOSITORY, verify: { signers: ["platform"] } }, definitions: { path: "x" } },
      "spec.definitions",
      /escape its own review/,
    ],
  ])("may not change its own %s, even when it owns itself", async (_, spec, field, message) => {
    const self = defining({ git: { url: REPOSITORY, verify: { signers: ["platform"] } } });
    await apply(self);
    await push({ "fleet/self.yaml": yaml(self) });
    const to = { source: `${PROJECT}/team` };
    await fixture.hub.commands.handOver(person, { kind: "Source", project: PROJECT, name: "team", to });
    await vi.waitFor(async () => expect(problemsOf(await view())).toEqual([]), soon);
    const poll = yaml(defining({ git: self.spec.git, poll: "2h" }));
    await push({ "fleet/self.yaml": poll });
    expect(await definitionOf("Source", "team")).toMatchObject({ spec: { poll: "2h" } });

    const source = await push({ "fleet/self.yaml": yaml(defining(spec)) });
    expect(problemsOf(source)).toEqual([
      expect.objectContaining({
        code: "DefinitionForbidden",
        message: expect.stringMatching(message),
        where: expect.objectContaining({ path: "fleet/self.yaml", field }),
      }),
    ]);
    expect(await definitionOf("Source", "team")).toMatchObject({
      spec: { git: { verify: { signers: ["platform"] } } },
    });
  });
});

describe("a fleet-level Source", () => {
  const fleet = () => defining({ definitions: { path: "fleet", fleet: true } }, "fleet", "platform");
  const cluster = (labels: Record<string, string>, name = "eu-1") => ({
    apiVersion,
    kind: "Cluster",
    metadata: { name, labels },
  });
  const labels = async (name = "eu-1") => (await fixture.hub.queries.cluster(name)).labels;

  it("defines Projects and every Project's documents, and owns the labels it names", async () => {
    await apply(fleet());
    const project = { apiVersion, kind: "Project", metadata: { name: PROJECT }, spec: { suspended: false } };
    const source = await push(
      { "fleet/all.yaml": yaml(project, manifests(), app(), cluster({ region: "eu" })) },
      "fleet",
      "platform",
    );
    expect(source.definitions).toMatchObject({ fleet: true, documents: 4, problems: [] });
    expect(await labels()).toEqual({ tier: "prod", region: "eu" });
    const set = { set: { region: "us" }, remove: [] };
    await expect(fixture.hub.commands.labelCluster(person, "eu-1", set, { dryRun: true })).rejects.toThrow(
      "The label region of cluster eu-1 belongs to Source platform/fleet, and the API cannot change it",
    );
    await expect(apply(cluster({ region: "us" }))).rejects.toThrow("belongs to Source platform/fleet");
    await apply(cluster({ tier: "lab", region: "eu" }));
    expect(await labels()).toEqual({ tier: "lab", region: "eu" });

    // Taken out of Git, its own labels go, and the Project stays for as long as it holds anything.
    const after = await push({ "fleet/all.yaml": yaml(manifests(), app()) }, "fleet", "platform");
    expect(codes(after)).toEqual(["DefinitionKept"]);
    expect(await labels()).toEqual({ tier: "lab" });
    expect(await definitionOf("Project", PROJECT)).toBeDefined();
  });

  it("is told of a label that the API has, and gets it when it is handed over", async () => {
    await apply(fleet());
    const files = { "fleet/all.yaml": yaml(cluster({ tier: "edge", region: "eu" })) };
    const source = await push(files, "fleet", "platform");
    expect(problemsOf(source)).toEqual([
      expect.objectContaining({
        code: "OwnerConflict",
        message: expect.stringContaining(
          "The label tier of cluster eu-1 belongs to the API, and Source platform/fleet",
        ),
        fix: expect.stringContaining("muster handover cluster eu-1 --to platform/fleet"),
      }),
    ]);
    expect(await labels()).toEqual({ tier: "prod", region: "eu" });
    const to = { source: "platform/fleet" };
    await fixture.hub.commands.handOver(person, { kind: "Cluster", project: "default", name: "eu-1", to });
    await vi.waitFor(async () => expect(await labels()).toEqual({ tier: "edge", region: "eu" }), soon);
  });

  it("labels a cluster as soon as it is registered", async () => {
    await apply(fleet());
    const source = await push({ "fleet/all.yaml": yaml(cluster({ region: "us" }, "us-1")) }, "fleet", "platform");
    expect(codes(source)).toEqual(["ClusterNotRegistered"]);
    await fixture.hub.commands.registerCluster(person, { name: "us-1", labels: {} });
    await vi.waitFor(async () => expect(await labels("us-1")).toEqual({ region: "us" }), soon);
    await vi.waitFor(async () => expect(problemsOf(await view("fleet", "platform"))).toEqual([]), soon);
  });
});

describe("killed at any write", () => {
  it.each(["before", "after"] as const)(
    "ends where the commit says, whichever write it is (%s)",
    async (when) => {
      const first = { "fleet/a.yaml": yaml(manifests(), app()), "fleet/b.yaml": yaml(app("bank"), app("gone")) };
      const second = {
        "fleet/a.yaml": yaml(manifests(), app()),
        "fleet/b.yaml": yaml(app("bank", { sync: { drift: "off" } }), app("new")),
      };
      for (let write = 1; ; write += 1) {
        await fixture.close();
        fixture = await HubFixture.create();
        await fixture.startHub();
        await begun(first);
        await fixture.hub.stop();
        fixture.git.push(REPOSITORY, second);
        const mortal = mortalStore(fixture.store, write, when);
        const hasStarted = await fixture.startHub({ wrap: () => mortal.store }).then(
          () => true,
          () => false,
        );
        const isThere = async () => expect((await apps()).sort()).toEqual(["bank", "new", "shop"]);
        if (hasStarted) {
          await vi.waitFor(async () => {
            if (!mortal.isDead) await isThere();
          }, soon);
          if (!mortal.isDead) await fixture.hub.settled();
        }
        await fixture.hub.stop().catch(() => {});
        await fixture.startHub();
        await vi.waitFor(isThere, soon);
        expect(await definitionOf("App", "bank")).toMatchObject({ spec: { sync: { drift: "off" } } });
        if (mortal.writes < write) break;
        expect(write).toBeLessThan(80);
      }
    },
    120_000,
  );
});
