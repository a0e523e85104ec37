import { answered } from "@muster/cli/api/client.ts";
import { describe, expect, test } from "vitest";
import type { TestCluster } from "../control-plane/provider.ts";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import { newProject } from "../fleet/fleet-project.ts";
import { configMap } from "../fleet/manifests.ts";

const yaml = (object: object): string => `${JSON.stringify(object, null, 2)}\n`;
const secret = (name: string) => yaml({ apiVersion: "v1", kind: "Secret", metadata: { name }, stringData: { a: "b" } });
const clusterRole = (name: string) =>
  yaml({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name }, rules: [] });

await describeFleet("Projects", { clusters: 1 }, ({ fleet }) => {
  const cluster = (): TestCluster => {
    const [first] = fleet().members;
    if (first === undefined) throw new Error("a cluster is needed");
    return first.cluster;
  };

  test("keep what they forbid out of every Release, each with its own clear refusal, and what runs stays", async () => {
    const project = await newProject(fleet());
    const rules = { namespaces: [project.namespace, `${project.namespace}-*`], kinds: { namespaced: ["ConfigMap"] } };
    await project.allow(rules);
    await project.push({ "shop/a.yaml": configMap("a", { step: "1" }) });
    await project.applyApp("shop");
    await project.released("shop", 1);

    const forbidden: readonly (readonly [object, RegExp])[] = [
      [
        { "shop/x.yaml": secret("token") },
        /^Secret team-\w+\/token: Project team-\w+ does not allow the kind Secret\.$/,
      ],
      [{ "shop/x.yaml": clusterRole("reader") }, /^ClusterRole reader: .* ClusterRole.*, which has no namespace\.$/],
      [
        { "shop/x.yaml": configMap("x", {}, { namespace: "kube-system" }) },
        /^ConfigMap kube-system\/x: .* does not allow the namespace kube-system\.$/,
      ],
    ];
    for (const [changes, message] of forbidden) {
      await project.push({ ...changes, "shop/a.yaml": configMap("a", { step: `${message}` }) });
      await eventually(async () => expect((await project.refused("shop", "ProjectForbids")).message).toMatch(message));
    }
    await throughout(500, async () => expect(await project.data(cluster(), "a")).toEqual({ step: "1" }));

    await project.push({ "shop/x.yaml": null, "shop/b.yaml": configMap("b"), "shop/c.yaml": configMap("c") });
    await project.released("shop", 2);
    await project.allow({ ...rules, quota: { objects: 3 } });
    await project.push({ "shop/d.yaml": configMap("d") });
    expect((await project.refused("shop", "QuotaExceeded")).message).toContain(
      `Project ${project.name} may have 3 objects`,
    );

    await project.allow({ ...rules, suspended: true });
    expect((await project.refused("shop", "ProjectSuspended")).fix).toContain("spec.suspended: false");
    await project.push({ "shop/d.yaml": null, "shop/a.yaml": configMap("a", { step: "3" }) });
    // Suspended is not abandoned: what runs is still held.
    const path = `/api/v1/namespaces/${project.namespace}/configmaps/b`;
    await cluster().request("DELETE", path);
    await eventually(async () => expect(await project.data(cluster(), "b")).toEqual({}));
    expect((await project.app("shop")).release?.number).toBe(2);
    await project.allow(rules);
    await eventually(async () => expect(await project.data(cluster(), "a")).toEqual({ step: "3" }));
  });

  test("are held to by the agent, which alone knows a custom kind's scope: nothing of the App is applied", async () => {
    const project = await newProject(fleet());
    const kind = `Widget${project.name.slice(5)}`;
    const plural = `${kind.toLowerCase()}s`;
    const body = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.example.com` },
      spec: {
        group: "example.com",
        scope: "Cluster",
        names: { kind, plural, singular: kind.toLowerCase() },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    };
    const made = await cluster().request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", { body });
    expect(made.status).toBe(201);
    await eventually(async () =>
      expect((await cluster().request("GET", `/apis/example.com/v1/${plural}`)).status).toBe(200),
    );
    await project.allow({ namespaces: [project.namespace] });
    const widget = yaml({ apiVersion: "example.com/v1", kind, metadata: { name: "w" } });
    await project.push({ "shop/a.yaml": configMap("a"), "shop/w.yaml": widget });
    await project.applyApp("shop");
    const problem = await project.refusedIn("shop", cluster(), "ProjectForbids");
    expect(problem.message).toContain(`does not allow the kind ${kind}.example.com, which has no namespace`);
    expect(await project.data(cluster(), "a")).toBeUndefined();
    await project.allow({ namespaces: [project.namespace], kinds: { cluster: ["*.example.com"] } });
    await project.released("shop", 2);
    expect(await project.data(cluster(), "a")).toEqual({});
  });

  test("apply as their service account, whose rights count and no others", async () => {
    const project = await newProject(fleet());
    const { namespace } = project;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    const rights = (resources: string[]) => ({
      metadata: { name: "deployer" },
      rules: [{ apiGroups: [""], resources, verbs: ["get", "create", "patch", "delete"] }],
    });
    await cluster().request("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, {
      body: { metadata: { name: "deployer" } },
    });
    await cluster().request("POST", `${rbac}/roles`, { body: rights(["configmaps"]) });
    await cluster().request("POST", `${rbac}/rolebindings`, {
      body: {
        metadata: { name: "deployer" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "deployer" },
        subjects: [{ kind: "ServiceAccount", name: "deployer", namespace }],
      },
    });
    await project.allow({ serviceAccount: "deployer" });
    await project.push({ "shop/a.yaml": configMap("a", { step: "1" }), "shop/s.yaml": secret("s") });
    await project.applyApp("shop");
    const problem = await project.refusedIn("shop", cluster(), "Forbidden");
    expect(problem.message).toContain(`"system:serviceaccount:${namespace}:deployer" cannot patch resource "secrets"`);
    expect(problem.fix).toContain(`applied as the service account ${namespace}/deployer`);
    expect(await project.data(cluster(), "a")).toEqual({ step: "1" });
    await cluster().request("PUT", `${rbac}/roles/deployer`, { body: rights(["configmaps", "secrets"]) });
    await project.released("shop", 1);
    await project.push({ "shop/s.yaml": null });
    await project.released("shop", 2);
    await eventually(async () =>
      expect((await cluster().request("GET", `/api/v1/namespaces/${namespace}/secrets/s`)).status).toBe(404),
    );
  });

  describe("an object in two Apps", () => {
    test("stays with the first, and nothing of the second is applied; across Projects nobody is told whose it is", async () => {
      const [project, other] = [await newProject(fleet()), await newProject(fleet(), "spy")];
      await project.push({
        "first/shared.yaml": configMap("shared", { by: "first" }),
        "second/shared.yaml": configMap("shared", { by: "second" }),
        "second/b.yaml": configMap("b"),
      });
      await project.applyApp("first");
      await project.released("first", 1);
      await project.applyApp("second");
      const problem = await project.refusedIn("second", cluster(), "NotOwned");
      expect(problem.message).toContain(
        `belongs to ${project.name}/first; nothing of ${project.name}/second is applied`,
      );

      await other.push({ "third/x.yaml": configMap("shared", { by: "third" }, { namespace: project.namespace }) });
      await other.applyApp("third");
      const untold = await other.refusedIn("third", cluster(), "NotOwned");
      expect(untold.message).toContain("belongs to an App of another Project");
      expect(untold.message).not.toContain("first");
      await throughout(500, async () => {
        expect(await project.data(cluster(), "shared")).toEqual({ by: "first" });
        expect(await project.data(cluster(), "b")).toBeUndefined();
      });
    });

    test("goes to the App that takes over: a rename deletes nothing", async () => {
      const project = await newProject(fleet());
      const files = (name: string) => ({
        [`${name}/a.yaml`]: configMap("a", { step: "1" }),
        [`${name}/b.yaml`]: configMap("b"),
      });
      await project.push({ ...files("old"), ...files("new") });
      await project.applyApp("old", { onUnplaced: { action: "keep" } });
      await project.released("old", 1);
      const before = [await project.uidOf(cluster(), "a"), await project.uidOf(cluster(), "b")];
      await project.applyApp("new", { takesOverFrom: ["old"] });
      await project.released("new", 1);
      const { api } = fleet().hub.api.client;
      await api.DELETE("/v1/projects/{project}/apps/{name}", {
        params: { path: { project: project.name, name: "old" } },
      });
      await project.push({ "new/a.yaml": configMap("a", { step: "2" }) });
      await project.released("new", 2);
      expect(await project.data(cluster(), "a")).toEqual({ step: "2" });
      const after = [await project.uidOf(cluster(), "a"), await project.uidOf(cluster(), "b")];
      expect(after).toEqual(before);
    });

    test("stays through a move of its App to another name, which Git follows from then on", async () => {
      const project = await newProject(fleet());
      await project.push({ "shop/a.yaml": configMap("a", { step: "1" }), "shop/b.yaml": configMap("b") });
      await project.applyApp("shop");
      await project.released("shop", 1);
      const before = [await project.uidOf(cluster(), "a"), await project.uidOf(cluster(), "b")];
      const { api } = fleet().hub.api.client;
      const params = { path: { project: project.name, name: "shop" } };
      await answered(
        api.POST("/v1/projects/{project}/apps/{name}/move", { params, body: { to: "store", dryRun: false } }),
      );
      await project.released("store", 1);
      await eventually(async () => expect(await project.app("shop").catch(() => null)).toBeNull());
      await project.push({ "shop/a.yaml": configMap("a", { step: "2" }), "shop/b.yaml": null });
      await project.released("store", 2);
      expect(await project.data(cluster(), "a")).toEqual({ step: "2" });
      expect(await project.uidOf(cluster(), "a")).toBe(before[0]);
      // The new App owns what it took: what leaves Git leaves the cluster.
      await eventually(async () => expect(await project.data(cluster(), "b")).toBeUndefined());
    });
  });
});
