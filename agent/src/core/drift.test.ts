import { describe, expect, test } from "vitest";
import { findDrift } from "./drift.ts";
import type { Live } from "./live.ts";

const live = (fields: object, metadata: object = {}, kind = "Deployment", apiVersion = "apps/v1"): Live =>
  ({ apiVersion, kind, metadata: { name: "x", uid: "u", resourceVersion: "1", ...metadata }, ...fields }) as Live;
const fieldsOf = (desired: object, found: Live) => findDrift(desired as never, found).map(({ field }) => field);
const pod = (containers: object[]) => ({ spec: { template: { spec: { containers } } } });

describe("findDrift, by values", () => {
  test.each<[string, object, object, string[]]>([
    ["what others add", { spec: { replicas: 2 } }, { spec: { replicas: 2, paused: true }, status: {} }, []],
    ["a changed value", { spec: { replicas: 2 } }, { spec: { replicas: 3 } }, ["spec.replicas"]],
    ["a lost value", { spec: { replicas: 2 } }, { spec: {} }, ["spec.replicas"]],
    ["a lost parent", { spec: { a: { b: 1, c: 2 } } }, {}, ["spec.a.b", "spec.a.c"]],
    [
      "zero values that are left out",
      { spec: { paused: false, text: "", n: 0, list: [], none: null } },
      { spec: {} },
      [],
    ],
    [
      "a quantity written differently",
      { spec: { cpu: "1000m", memory: "1Gi", n: 1 } },
      { spec: { cpu: 1, memory: "1024Mi", n: "1" } },
      [],
    ],
    ["a version that only looks like a quantity", { spec: { v: "1.10" } }, { spec: { v: "1.1" } }, ["spec.v"]],
    [
      "what kind the items of an atomic list are",
      { subjects: [{ kind: "Group", name: "ops" }] },
      { subjects: [{ kind: "User", name: "ops" }] },
      ["subjects"],
    ],
    ["another quantity", { spec: { cpu: "1000m" } }, { spec: { cpu: "1001m" } }, ["spec.cpu"]],
    [
      "containers in another order, with one injected",
      pod([
        { name: "a", image: "a:1" },
        { name: "b", image: "b:1" },
      ]),
      pod([{ name: "sidecar" }, { name: "b", image: "b:1" }, { name: "a", image: "a:1", imagePullPolicy: "Always" }]),
      [],
    ],
    [
      "a container's image, told by its name",
      pod([
        { name: "a", image: "a:1" },
        { name: "b", image: "b:1" },
      ]),
      pod([
        { name: "a", image: "a:1" },
        { name: "b", image: "b:2" },
      ]),
      ["spec.template.spec.containers[b].image"],
    ],
    ["a container that is gone", pod([{ name: "a" }]), pod([]), ["spec.template.spec.containers[a]"]],
    [
      "ports with a defaulted protocol",
      { spec: { ports: [{ port: 80 }] } },
      { spec: { ports: [{ port: 80, protocol: "TCP", targetPort: 80 }] } },
      [],
    ],
    ["an atomic list as a whole", { spec: { args: ["a", "b"] } }, { spec: { args: ["b", "a"] } }, ["spec.args"]],
    [
      "labels as texts, not quantities",
      { metadata: { labels: { v: "1" } } },
      { metadata: { labels: { v: "1000m" } } },
      ["metadata.labels.v"],
    ],
    [
      "keys with dots",
      { metadata: { labels: { "a.b/c": "1" } } },
      { metadata: { labels: {} } },
      ["metadata.labels[a.b/c]"],
    ],
    ["a finalizer beside others", { metadata: { finalizers: ["a"] } }, { metadata: { finalizers: ["b", "a"] } }, []],
    ["identity and version", { metadata: { name: "y", namespace: "n" }, apiVersion: "apps/v1beta1" }, {}, []],
  ])("%s", (_, desired, found, expected) => {
    const { metadata, ...rest } = found as { metadata?: object };
    expect(fieldsOf(desired, live(rest, metadata))).toEqual(expected);
  });

  test("a ConfigMap's texts are compared as they are", () => {
    expect(fieldsOf({ data: { cpu: "1" } }, live({ data: { cpu: "1000m" } }, {}, "ConfigMap", "v1"))).toEqual([
      "data.cpu",
    ]);
  });

  test("a Secret's values are masked, its labels are not", () => {
    const desired = { data: { password: "c3dvcmRmaXNo" }, metadata: { labels: { a: "1" } } };
    expect(
      findDrift(desired, live({ data: { password: "Z3Vlc3M=" } }, { labels: { a: "2" } }, "Secret", "v1")),
    ).toEqual([
      { field: "data.password", expected: "(masked)", found: "(masked)" },
      { field: "metadata.labels.a", expected: "1", found: "2" },
    ]);
  });

  test("many differences are told up to a bound, long values cut", () => {
    const data = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, "v".repeat(900)]));
    const drift = findDrift({ data }, live({ data: {} }, {}, "ConfigMap", "v1"));
    expect(drift).toHaveLength(20);
    expect(drift[0]?.expected).toHaveLength(500);
  });
});

describe("findDrift, with the API server's record of who owns what", () => {
  const owned = (fieldsV1: object, others: object[] = []) => ({
    managedFields: [{ manager: "muster", operation: "Apply", fieldsV1 }, ...others],
  });

  test("a value of ours that reads differently and still is ours is no drift: a webhook or the server wrote it so", () => {
    const metadata = owned({ "f:spec": { "f:schedule": {}, "f:size": {} } });
    expect(
      fieldsOf(
        { spec: { schedule: "@hourly", size: "1.0Gi" } },
        live({ spec: { schedule: "0 * * * *", size: "1Gi" } }, metadata),
      ),
    ).toEqual([]);
  });

  test("a value that somebody took is drift, with who took it last", () => {
    const metadata = owned({ "f:metadata": { "f:labels": { "f:a": {} } } }, [
      {
        manager: "old",
        operation: "Update",
        time: "2026-01-01T00:00:00Z",
        fieldsV1: { "f:spec": { "f:replicas": {} } },
      },
      {
        manager: "kubectl-scale",
        operation: "Update",
        time: "2026-02-01T00:00:00Z",
        fieldsV1: { "f:spec": { "f:replicas": {} } },
      },
    ]);
    expect(findDrift({ spec: { replicas: 2 } }, live({ spec: { replicas: 5 } }, metadata))).toEqual([
      { field: "spec.replicas", expected: "2", found: "5", manager: "kubectl-scale" },
    ]);
  });

  test("list items are found by their keys", () => {
    const metadata = owned(
      { "f:spec": { "f:template": { "f:spec": { "f:containers": { 'k:{"name":"a"}': { ".": {}, "f:name": {} } } } } } },
      [
        {
          manager: "kubectl-set",
          operation: "Update",
          fieldsV1: {
            "f:spec": { "f:template": { "f:spec": { "f:containers": { 'k:{"name":"a"}': { "f:image": {} } } } } },
          },
        },
      ],
    );
    expect(
      findDrift(pod([{ name: "a", image: "a:1" }]) as never, live(pod([{ name: "a", image: "a:2" }]), metadata)),
    ).toMatchObject([{ field: "spec.template.spec.containers[a].image", manager: "kubectl-set" }]);
  });

  test("a custom resource's lists have the keys that the record shows", () => {
    const listeners = (own: object) => ({ "f:spec": { "f:listeners": { 'k:{"id":"web"}': own } } });
    const metadata = owned(listeners({ ".": {}, "f:id": {} }), [
      { manager: "kubectl-edit", operation: "Update", fieldsV1: listeners({ "f:port": {} }) },
    ]);
    const desired = { spec: { listeners: [{ id: "web", port: 80 }] } };
    const found = {
      spec: {
        listeners: [
          { id: "added", port: 1 },
          { id: "web", port: 81 },
        ],
      },
    };
    expect(findDrift(desired, live(found, metadata, "Gateway", "example.com/v1"))).toEqual([
      { field: "spec.listeners[web].port", expected: "80", found: "81", manager: "kubectl-edit" },
    ]);
  });

  test("a custom resource's set keeps what others add to it", () => {
    const metadata = owned({ "f:spec": { "f:hosts": { 'v:"a"': {} } } });
    const of = (...hosts: string[]) => live({ spec: { hosts } }, metadata, "Gateway", "example.com/v1");
    expect(fieldsOf({ spec: { hosts: ["a"] } }, of("b", "a"))).toEqual([]);
  });
});
