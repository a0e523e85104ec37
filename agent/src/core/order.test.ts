import { describe, expect, test } from "vitest";
import { applyOrder, isProtectedKind, removeOrder } from "./order.ts";

const item = (apiVersion: string, kind: string, name = "x") => ({ ref: { apiVersion, kind, namespace: "", name } });

describe("order", () => {
  const mixed = [
    item("example.com/v1", "Widget"),
    item("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    item("apps/v1", "Deployment", "b"),
    item("apps/v1", "Deployment", "a"),
    item("v1", "Service"),
    item("v1", "PersistentVolumeClaim"),
    item("v1", "ConfigMap"),
    item("v1", "ServiceAccount"),
    item("rbac.authorization.k8s.io/v1", "RoleBinding"),
    item("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    item("v1", "Namespace"),
  ];
  const kinds = (groups: readonly (readonly { ref: { kind: string } }[])[]) =>
    groups.map((group) => group.map(({ ref }) => ref.kind).join("+"));
  const expected = [
    "Namespace",
    "CustomResourceDefinition",
    "RoleBinding+ServiceAccount",
    "ConfigMap",
    "PersistentVolumeClaim",
    "Service",
    "Deployment+Deployment",
    "ValidatingWebhookConfiguration",
    "Widget",
  ];

  test("what others need comes first, whatever the order it came in", () => {
    expect(kinds(applyOrder(mixed)).map((group) => group.split("+").toSorted().join("+"))).toEqual(expected);
    expect(applyOrder(mixed.toReversed())).toEqual(applyOrder(mixed));
  });

  test("removal goes the other way round", () => {
    expect(kinds(removeOrder(mixed)).at(0)).toBe("Widget");
    expect(kinds(removeOrder(mixed)).at(-1)).toBe("Namespace");
  });

  test("a kind of the same name in another group is another kind", () => {
    expect(isProtectedKind({ apiVersion: "v1", kind: "Namespace" })).toBe(true);
    expect(isProtectedKind({ apiVersion: "example.com/v1", kind: "Namespace" })).toBe(false);
    expect(kinds(applyOrder([item("serving.knative.dev/v1", "Service"), item("apps/v1", "Deployment")]))).toEqual([
      "Deployment",
      "Service",
    ]);
  });
});
