import { describe, expect, it } from "vitest";
import { projectDefinition } from "./definitions/project.ts";
import { type Policy, readPolicy } from "./policy.ts";

const policyOf = (over: Partial<Policy>): Policy => ({
  namespaces: ["*"],
  kinds: { namespaced: ["*"], cluster: [] },
  ...over,
});
const configMap = { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "settings" };
const deployment = { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web" };
const ingress = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", namespace: "shop", name: "web" };
const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", namespace: "", name: "reader" };
const kinds = (...namespaced: string[]) => policyOf({ kinds: { namespaced, cluster: [] } });
const clusterKinds = (...cluster: string[]) => policyOf({ kinds: { namespaced: ["*"], cluster } });

describe("a Project's rules for objects", () => {
  it.each([
    ["everything in namespaces", policyOf({}), deployment, true, true],
    ["nothing without a namespace unless it is named", policyOf({}), role, false, false],
    ["a kind without a namespace that is named", clusterKinds("ClusterRole"), role, false, true],
    ["one named with its group", clusterKinds("ClusterRole.rbac.authorization.k8s.io"), role, false, true],
    ["another group's", clusterKinds("ClusterRole.example.com"), role, false, false],
    ["a namespace by pattern", policyOf({ namespaces: ["shop-*", "sho?"] }), configMap, true, true],
    ["another namespace", policyOf({ namespaces: ["shop-*"] }), configMap, true, false],
    ["no namespace at all", policyOf({ namespaces: [] }), configMap, true, false],
    ["a kind in whatever group", kinds("Deployment"), deployment, true, true],
    ["a group's kinds", kinds("*.apps"), deployment, true, true],
    ["what is not of that group", kinds("*.apps"), configMap, true, false],
    ["a group with dots", kinds("Ingress.networking.k8s.io"), ingress, true, true],
    ["a pattern across a group's dots", kinds("Ingress.*"), ingress, true, true],
    ["a group that only ends like it", kinds("*.k8s.io"), { ...ingress, apiVersion: "evil-k8s.io/v1" }, true, false],
    ["the core group by name", kinds("ConfigMap.core"), configMap, true, true],
    ["a core kind's name in another group", kinds("*.core"), deployment, true, false],
    ["a pattern that cannot be read", kinds("{a,b"), configMap, true, false],
    ["a kind in small letters", kinds("configmap"), configMap, true, false],
    ["an unknown scope that either rule allows", clusterKinds("*"), deployment, null, true],
    ["an unknown scope by the namespaced rule", policyOf({}), deployment, null, true],
    [
      "an unknown scope that neither allows",
      policyOf({ kinds: { namespaced: [], cluster: [] } }),
      deployment,
      null,
      false,
    ],
  ] as const)("know %s", (_what, policy, object, isNamespaced, isAllowed) => {
    const problem = readPolicy(policy, "storefront").judge(object, isNamespaced);
    expect(problem === null).toBe(isAllowed);
  });

  it("say what is forbidden, by which Project, and who can change it", () => {
    const rules = readPolicy(policyOf({ namespaces: ["shop"] }), "storefront");
    expect(rules.judge({ ...configMap, namespace: "kube-system" }, true)).toEqual({
      code: "ProjectForbids",
      message: "ConfigMap kube-system/settings: Project storefront does not allow the namespace kube-system.",
      where: { object: { ...configMap, namespace: "kube-system" } },
      fix: "Take it out of the App, or have an administrator add kube-system to spec.namespaces of the Project storefront.",
    });
    expect(rules.judge(role, false)).toMatchObject({
      message: expect.stringMatching(/^ClusterRole reader: Project storefront does not allow .* has no namespace\.$/),
      fix: expect.stringContaining("ClusterRole.rbac.authorization.k8s.io to spec.kinds.cluster"),
    });
    expect(rules.judge({ apiVersion: "v1", kind: "Secret", namespace: "x" }, true)?.message).toMatch(
      /^A Secret in the namespace x: /,
    );
  });
});

describe("a Project's definition", () => {
  const parse = (spec: object) =>
    projectDefinition.safeParse({ apiVersion: "muster.dev/v1alpha1", kind: "Project", metadata: { name: "p" }, spec });

  it("refuses patterns that nobody can read, and more of them than an assignment carries", () => {
    expect(parse({ namespaces: ["shop-*"] }).success).toBe(true);
    expect(parse({ namespaces: ["{a,b}{c,d}{e,f}{g,h}{i,j}{k,l}{m,n}"] }).success).toBe(false);
    expect(parse({ namespaces: Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(200, "x")) }).success).toBe(
      false,
    );
  });
});
