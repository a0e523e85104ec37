import { appDefinition } from "@muster/shared/model/definitions/app.ts";
import { projectDefinition } from "@muster/shared/model/definitions/project.ts";
import { sourceDefinition } from "@muster/shared/model/definitions/source.ts";
import { describe, expect, it } from "vitest";
import { isNamespacedKind } from "./cluster-kinds.ts";
import {
  judgeApp,
  judgeAppCount,
  judgeObjects,
  judgeQuota,
  judgeSource,
  judgeSuspended,
  matchesRepository,
  policyOf,
  takenOver,
} from "./policy.ts";

const api = { apiVersion: "muster.dev/v1alpha1" };
const rules = (spec: object = {}) =>
  projectDefinition.parse({ ...api, kind: "Project", metadata: { name: "storefront" }, spec }).spec;
const source = (git: object) =>
  sourceDefinition.parse({ ...api, kind: "Source", metadata: { name: "fleet", project: "storefront" }, spec: { git } });
const app = (spec: object = {}) =>
  appDefinition.parse({
    ...api,
    kind: "App",
    metadata: { name: "shop", project: "storefront" },
    spec: { source: { name: "fleet" }, clusters: { all: true }, ...spec },
  });
const codes = (problems: readonly { code: string }[]) => problems.map(({ code }) => code);

describe("patterns of repositories", () => {
  it.each([
    ["**", "anything at all", true],
    ["https://git.example.com/platform", "https://git.example.com/platform/fleet.git", true],
    ["https://git.example.com/platform", "https://git.example.com/platform", true],
    ["https://git.example.com/platform", "https://git.example.com/platforms", false],
    ["https://git.example.com/platform/fleet", "https://git.example.com/platform/fleet.git", true],
    ["https://git.example.com/platform/fleet.git", "https://git.example.com/platform/fleet", true],
    ["https://git.example.com/platform/*", "HTTPS://user:pw@Git.Example.com:443/platform/fleet.git", true],
    ["https://git.example.com/platform/*", "https://git.example.com/platform/../secret/fleet.git", false],
    ["https://git.example.com/platform/*", "https://git.example.com/platform%2f..%2fsecret", false],
    ["https://git.example.com/*", "https://git.example.com.evil.com/platform", false],
    ["https://git.example.com/**", "http://git.example.com/platform", false],
    ["https://*.example.com/**", "https://git.example.com/a/b", true],
    ["https://*.example.com/**", "https://evil.com/x.example.com/b", false],
    ["https://git.example.com:8443/**", "https://git.example.com:8443/a", true],
    ["https://git.example.com/**", "https://git.example.com:8443/a", false],
    ["git.example.com/platform/**", "ssh://git@git.example.com/platform/fleet", true],
    ["git.example.com", "https://git.example.com/any/thing", true],
    ["git@github.com:org/*", "git@github.com:org/fleet.git", true],
    ["git@github.com:org/*", "ssh://git@github.com/org/fleet", true],
    ["git@github.com:org/*", "https://github.com/org/fleet", false],
    ["file:///srv/git/**", "file:///srv/git/fleet", true],
    ["file:///srv/git/**", "file:///etc/passwd", false],
    ["oci://registry.example.com/charts/*", "oci://registry.example.com/charts/web", true],
    ["*", "https://git.example.com/a", true],
    ["{a", "https://git.example.com/a", false],
  ])("%s for %s: %s", (pattern, url, expected) => expect(matchesRepository([pattern], url)).toBe(expected));
});

describe("a Source", () => {
  it("is at an allowed repository with an allowed credential, and nothing is limited where there is no Project", () => {
    const fleet = source({ url: "https://git.example.com/platform/fleet", credentials: "fleet-git" });
    expect(judgeSource(null, fleet)).toEqual([]);
    expect(judgeSource(rules(), fleet)).toEqual([]);
    expect(judgeSource(rules({ repositories: ["git.example.com"], credentials: ["fleet-*"] }), fleet)).toEqual([]);
  });

  it("is told which Project, which rule, and who can change it", () => {
    const narrow = rules({ repositories: ["https://git.example.com/**"], credentials: ["web-*"] });
    const fleet = source({ url: "https://evil.example.org/fleet", credentials: "fleet-git" });
    const problems = judgeSource(narrow, fleet);
    expect(problems.map(({ message }) => message)).toEqual([
      "Source storefront/fleet: Project storefront does not allow the repository https://evil.example.org/fleet (spec.git.url).",
      "Source storefront/fleet: Project storefront does not allow the credential fleet-git.",
    ]);
    expect(problems[0]?.fix).toBe(
      "Use one that spec.repositories of the Project allows (https://git.example.com/**), or have an administrator add it.",
    );
  });
});

describe("an App", () => {
  const chart = (repository: string) => ({ render: { helm: { chart: { repository, name: "web", version: "1" } } } });

  it.each([
    ["a chart from an allowed index", chart("https://charts.example.com/stable"), []],
    ["a chart from an allowed registry", chart("oci://registry.example.com/charts"), []],
    ["a chart from elsewhere", chart("https://charts.evil.org"), ["ProjectForbids"]],
    ["an allowed namespace", { destination: { namespace: "shop-eu" } }, []],
    ["another namespace", { destination: { namespace: "kube-system" } }, ["ProjectForbids"]],
    ["one that is not known yet", { destination: { namespace: "x-${cluster.name}" } }, []],
    ["an override's", { overrides: [{ clusters: { all: true }, namespace: "kube-system" }] }, ["ProjectForbids"]],
    ["objects of its own Project's App", { takesOverFrom: ["old", "storefront/older"] }, []],
    ["objects of another Project's App", { takesOverFrom: ["payments/api"] }, ["ProjectForbids"]],
  ])("%s", (_what, spec, expected) => {
    const repositories = ["https://charts.example.com", "oci://registry.example.com/charts/*"];
    const narrow = rules({ repositories, namespaces: ["shop", "shop-*"] });
    expect(codes(judgeApp(narrow, app({ destination: { namespace: "shop" }, ...spec })))).toEqual(expected);
  });

  it("takes over by names in its own Project, and never from itself", () => {
    expect(takenOver(app({ takesOverFrom: ["old", "storefront/older", "payments/api", "shop"] }))).toEqual([
      "old",
      "older",
    ]);
  });
});

describe("rendered objects", () => {
  const object = (apiVersion: string, kind: string, namespace = "") => ({ apiVersion, kind, namespace, name: "x" });
  const role = object("rbac.authorization.k8s.io/v1", "ClusterRole");

  it.each([
    ["a ConfigMap in the App's namespace", [object("v1", "ConfigMap")], 0],
    ["one that says it is elsewhere", [object("v1", "ConfigMap", "kube-system")], 1],
    ["a kind without a namespace", [role], 1],
    ["one that claims to have a namespace", [object("rbac.authorization.k8s.io/v1", "ClusterRole", "shop")], 1],
    ["a custom kind, whose scope only clusters know", [object("example.com/v1", "Widget")], 0],
    ["each once", [role, object("v1", "ConfigMap", "kube-system"), object("v1", "ConfigMap")], 2],
  ])("%s", (_what, scopes, count) => {
    const policy = policyOf(rules({ namespaces: ["shop"] }));
    expect(judgeObjects(policy, "storefront", { scopes, namespace: "shop" })).toHaveLength(count);
  });

  it("are limited by nothing where the Project limits nothing", () => {
    expect(policyOf(null)).toBeUndefined();
    expect(policyOf(rules({ kinds: { cluster: ["*"] } }))).toBeUndefined();
    expect(policyOf(rules({ kinds: { cluster: ["*"] }, serviceAccount: "deployer" }))).toMatchObject({
      serviceAccount: "deployer",
    });
    expect(judgeObjects(undefined, "storefront", { scopes: [role], namespace: "shop" })).toEqual([]);
  });

  it.each([
    ["v1", "Namespace", false],
    ["v1", "Secret", true],
    ["storage.k8s.io/v1", "CSIDriver", false],
    ["gateway.networking.k8s.io/v1", "GatewayClass", null],
    ["example.com/v1", "Namespace", null],
  ])("%s %s has a namespace: %s", (apiVersion, kind, expected) =>
    expect(isNamespacedKind(apiVersion, kind)).toBe(expected),
  );
});

describe("quota", () => {
  const use = (over: object = {}) => ({
    app: "storefront/shop",
    appsBefore: 2,
    objects: { others: 60, own: 40 },
    bundleBytes: { others: 1_000, own: 500 },
    renderSeconds: 12.34,
    ...over,
  });

  it.each([
    ["nothing is limited", {}, []],
    ["all of it fits", { objects: 100, bundleBytes: 1_500, renderSeconds: 13 }, []],
    ["objects", { objects: 99 }, ["spec.quota.objects"]],
    ["bytes", { bundleBytes: 1_499 }, ["spec.quota.bundleBytes"]],
    ["time", { renderSeconds: 12 }, ["spec.quota.renderSeconds"]],
  ])("%s", (_what, quota, fields) => {
    const problems = judgeQuota(rules({ quota }), "storefront", use());
    expect(problems.map(({ where }) => where.field)).toEqual(fields);
    for (const { code } of problems) expect(code).toBe("QuotaExceeded");
  });

  it("keeps the oldest Apps", () => {
    const two = rules({ quota: { apps: 2 } });
    expect(judgeAppCount(two, "storefront", use({ appsBefore: 1 }))).toBeNull();
    expect(judgeAppCount(two, "storefront", use())?.message).toBe(
      "Project storefront may have 2 Apps, and has 2 without storefront/shop.",
    );
    expect(judgeAppCount(null, "storefront", use())).toBeNull();
  });
});

it("a suspended Project renders nothing, and says how it ends", () => {
  expect(judgeSuspended(rules(), "storefront")).toBeNull();
  expect(judgeSuspended(rules({ suspended: true }), "storefront")).toMatchObject({
    code: "ProjectSuspended",
    fix: expect.stringContaining("spec.suspended: false"),
  });
});
