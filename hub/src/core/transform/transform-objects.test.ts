import { readFileSync } from "node:fs";
import { parseManifests } from "@muster/shared/manifest/parse.ts";
import { objectKey } from "@muster/shared/model/object-ref.ts";
import { problem } from "@muster/shared/model/problem.ts";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import type { BundleTransform } from "./bundle-transform.ts";
import { transformObjects } from "./transform-objects.ts";

interface Case {
  readonly name: string;
  readonly resources: string;
  readonly transform: BundleTransform;
  /** Why Muster means to do something else than kustomize. */
  readonly differs?: string;
}

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../../shared/fixtures/kustomize-transform/${name}`, import.meta.url), "utf8");

const cases = load(fixture("cases.yaml")) as Case[];
const kustomize = JSON.parse(fixture("expected.json")).cases as Record<string, { objects?: object[]; error?: string }>;

function run({ resources, transform }: Pick<Case, "resources" | "transform">) {
  const parsed = parseManifests({ path: "resources.yaml", bytes: Buffer.from(resources) });
  expect(parsed.problems).toEqual([]);
  const result = transformObjects(parsed.manifests, transform);
  for (const each of result.problems) expect(problem.parse(each)).toEqual(each);
  return result;
}

const inOrder = (objects: readonly object[]) => {
  const key = (object: object) => {
    const { apiVersion, kind, metadata } = object as {
      apiVersion: string;
      kind: string;
      metadata: { name: string; namespace?: string };
    };
    return objectKey({ apiVersion, kind, name: metadata.name, namespace: metadata.namespace ?? "" });
  };
  return objects.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
};

describe("as kustomize does it", () => {
  it.for(cases.filter(({ differs }) => differs === undefined))("$name", (each) => {
    const result = run(each);
    const expected = kustomize[each.name];
    if (expected?.objects === undefined) {
      expect(expected?.error).toBeTruthy();
      expect(result.problems).not.toEqual([]);
    } else {
      expect(result.problems).toEqual([]);
      expect(inOrder(result.manifests.map(({ object }) => object))).toEqual(inOrder(expected.objects));
    }
  });
});

describe("other than kustomize", () => {
  const named = (name: string) => {
    const found = cases.find((each) => each.name === name);
    if (!found?.differs) throw new Error(`no case that differs is called ${name}`);
    return { ...run(found), kustomize: kustomize[name]?.objects ?? [] };
  };
  const first = (result: { manifests: readonly { object: object }[] }) => result.manifests[0]?.object;

  it("a port without its protocol is the one of TCP", () => {
    const result = named("strategic, a port without its protocol");
    const container = {
      name: "app",
      ports: [{ containerPort: 8080, name: "web" }, { name: "http-udp" }, { name: "metrics" }],
    };
    expect(first(result)).toMatchObject({ spec: { template: { spec: { containers: [container, {}] } } } });
  });

  it("null takes a label out", () => {
    const result = named("strategic, null takes a label out");
    expect(first(result)).toMatchObject({ metadata: { labels: { tier: "front" } } });
    expect(result.kustomize[0]).toMatchObject({ metadata: { labels: { app: "null" } } });
    expect(JSON.stringify(first(result))).not.toContain("null");
  });

  it("what two tools read in two ways is refused", () => {
    expect(named("strategic, $patch replace of an item").problems).toEqual([
      {
        code: "PatchFailed",
        message: expect.stringMatching(
          /^patch 1 does not fit Deployment shop\/web at spec\.template\.spec\.containers\.0: kubectl and kustomize disagree/,
        ),
        where: {
          path: "resources.yaml",
          line: 1,
          document: 1,
          object: { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web" },
          field: "spec.template.spec.containers.0",
        },
        fix: expect.any(String),
      },
    ]);
  });

  it("a patch, an image and replicas for what is not there are mistakes, told with what is near", () => {
    expect(named("target, nothing").problems).toMatchObject([
      {
        code: "PatchFailed",
        message: "patch 1 changes nothing: no object here is kind Deployment.",
        where: { field: "patches.0.target" },
      },
    ]);
    expect(named("images, of none").problems).toMatchObject([
      {
        code: "PatchFailed",
        message: "images 1: no container here uses the image nginx.",
        where: { field: "images.0.name" },
      },
    ]);
  });

  it("a person is not renamed with a ServiceAccount", () => {
    const result = named("prefix, a person with the name of a ServiceAccount");
    expect(result.manifests[1]?.object).toMatchObject({
      roleRef: { name: "reader" },
      subjects: [
        { kind: "ServiceAccount", name: "eu-sa" },
        { kind: "User", name: "sa" },
      ],
    });
  });

  it("covers every case that differs", () => {
    expect(cases.filter(({ differs }) => differs !== undefined)).toHaveLength(6);
  });
});

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: app, image: "registry.example.com/web:1"}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web-public}
spec: {ports: [{port: 80}]}
`;

const problemsOf = (transform: BundleTransform, resources = web) => run({ resources, transform }).problems;
const strategic = (merge: object): BundleTransform["patches"] => [
  { patch: { kind: "strategic", merge: merge as Record<string, unknown> } },
];

describe("what is wrong with a change", () => {
  it.each<[string, BundleTransform, string | RegExp]>([
    [
      "a name that is nearly right",
      { patches: [{ target: { kind: "Deployment", name: "wev" }, patch: { kind: "json6902", operations: [] } }] },
      "patch 1 changes nothing: no object here is kind Deployment, name wev. Did you mean apps/v1 Deployment shop/web?",
    ],
    [
      "a kind that is nearly right",
      { patches: [{ target: { kind: "Deploymnet" }, patch: { kind: "json6902", operations: [] } }] },
      /Did you mean apps\/v1 Deployment shop\/web\?/,
    ],
    [
      "an object of another namespace",
      { patches: strategic({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" } }) },
      "patch 1 changes nothing: no object here is apps/v1 Deployment web. Did you mean apps/v1 Deployment shop/web?",
    ],
    [
      "no object at all",
      { patches: strategic({ spec: {} }) },
      "patch 1: the patch does not say which object it means.",
    ],
    [
      "an operation that does not fit",
      {
        patches: [
          { target: { kind: "Service" }, patch: { kind: "strategic", merge: {} } },
          {
            target: { kind: "Deployment" },
            patch: {
              kind: "json6902",
              operations: [
                { op: "test", path: "/kind", value: "Deployment" },
                { op: "replace", path: "/spec/template/spec/containers/1/image", value: "x" },
              ],
            },
          },
        ],
      },
      "patch 2, operation 2 (replace /spec/template/spec/containers/1/image) does not fit Deployment shop/web: " +
        'there is no "1": /spec/template/spec/containers holds 1 item.',
    ],
    [
      "an item without its key",
      {
        patches: [
          {
            target: { kind: "Deployment" },
            patch: { kind: "strategic", merge: { spec: { template: { spec: { containers: [{ image: "x" }] } } } } },
          },
        ],
      },
      /at spec\.template\.spec\.containers\.0: this item has no "name", by which items of this list are told apart\.$/,
    ],
    [
      "a directive that is none",
      { patches: [{ target: {}, patch: { kind: "strategic", merge: { spec: { $patch: "remove" } } } }] },
      /at spec: "\$patch" is "remove", and can be delete, replace or merge\.$/,
    ],
    [
      "a result that is no object",
      {
        patches: [
          {
            target: { kind: "Service" },
            patch: { kind: "json6902", operations: [{ op: "remove", path: "/metadata/name" }] },
          },
        ],
      },
      'after patch 1, Service web-public is no object any more: "metadata.name" is missing.',
    ],
    [
      "an expression that is none",
      { patches: [{ target: { name: "(" }, patch: { kind: "strategic", merge: {} } }] },
      'patch 1: "(" is no regular expression.',
    ],
    [
      "a selector that is none",
      { patches: [{ target: { labelSelector: "a in b" }, patch: { kind: "strategic", merge: {} } }] },
      'patch 1: "a in b" is no selector of labels.',
    ],
    [
      "an image with its tag",
      { images: [{ name: "registry.example.com/web:1", newTag: "2" }] },
      /Did you mean registry\.example\.com\/web\?$/,
    ],
    [
      "an image without its registry",
      { images: [{ name: "web", newTag: "2" }] },
      /Did you mean registry\.example\.com\/web\?$/,
    ],
    [
      "replicas of a name that is nearly right",
      { replicas: [{ name: "wev", count: 2 }] },
      "replicas 1: no Deployment, StatefulSet, ReplicaSet or ReplicationController here is called wev. Did you mean apps/v1 Deployment shop/web?",
    ],
    [
      "a prefix that no name may have",
      { namePrefix: "a/" },
      /^with the prefix "a\/", Deployment shop\/web: .*which no kind allows/,
    ],
  ])("%s", (_, transform, message) => {
    const problems = problemsOf(transform);
    expect(problems[0]?.message)[typeof message === "string" ? "toBe" : "toMatch"](message as string);
    expect(problems[0]?.fix).toBeTruthy();
  });

  it("is told twenty times at most, and for each object", () => {
    const many = Array.from({ length: 50 }, (_, i) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c${i}}\n`);
    const patch = { kind: "json6902", operations: [{ op: "remove", path: "/none" }] } as const;
    expect(problemsOf({ patches: [{ target: {}, patch }] }, many.join("---\n"))).toHaveLength(20);
  });
});

describe("a change", () => {
  it("takes objects that name no namespace for those of the App's", () => {
    const transform = (namespace: string): BundleTransform => ({
      namespace,
      patches: [
        { target: { namespace: "shop" }, patch: { kind: "strategic", merge: { metadata: { labels: { a: "b" } } } } },
      ],
    });
    const marked = (namespace: string) =>
      run({ resources: web, transform: transform(namespace) }).manifests.filter(
        ({ object }) => object.metadata.labels?.a,
      );
    expect(marked("default").map(({ ref }) => ref.name)).toEqual(["web"]);
    expect(marked("shop").map(({ ref }) => ref.name)).toEqual(["web", "web-public"]);
  });

  it("leaves what it was given as it was, and shares what it does not touch", () => {
    const { manifests } = parseManifests({ path: "a.yaml", bytes: Buffer.from(web) });
    const before = JSON.stringify(manifests);
    const result = transformObjects(manifests, {
      patches: [{ target: { kind: "Deployment" }, patch: { kind: "strategic", merge: { spec: { replicas: 2 } } } }],
      images: [{ name: "registry.example.com/web", newTag: "2" }],
      replicas: [{ name: "web", count: 3 }],
    });
    expect(JSON.stringify(manifests)).toBe(before);
    expect(result.manifests[1]).toBe(manifests[1]);
    expect(result.manifests[0]?.object.spec).toMatchObject({ replicas: 3 });
  });

  it("of replicas may be of a kind of one's own", () => {
    const resources = "apiVersion: example.com/v1\nkind: Rollout\nmetadata: {name: web}\nspec: {replicas: 1}\n";
    const { manifests } = run({ resources, transform: { replicas: [{ name: "web", kind: "Rollout", count: 4 }] } });
    expect(manifests[0]?.object.spec).toEqual({ replicas: 4 });
  });

  it("by a prefix follows what kustomize does not know: other kinds' pods, Gateway API, scaled kinds", () => {
    const resources = [
      { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } },
      { apiVersion: "v1", kind: "Service", metadata: { name: "svc" } },
      {
        apiVersion: "argoproj.io/v1alpha1",
        kind: "Rollout",
        metadata: { name: "r" },
        spec: { template: { spec: { containers: [], volumes: [{ secret: { secretName: "s" } }] } } },
      },
      {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "HTTPRoute",
        metadata: { name: "h" },
        spec: {
          rules: [
            {
              backendRefs: [
                { name: "svc", port: 80 },
                { name: "elsewhere", port: 80 },
              ],
            },
          ],
          parentRefs: [{ name: "shared", namespace: "gw" }],
        },
      },
      {
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: { name: "h" },
        spec: { scaleTargetRef: { apiVersion: "argoproj.io/v1alpha1", kind: "Rollout", name: "r" } },
      },
    ];
    const { manifests } = run({
      resources: resources.map((each) => JSON.stringify(each)).join("\n---\n"),
      transform: { namePrefix: "p-" },
    });
    expect(manifests.slice(2).map(({ object }) => object.spec)).toEqual([
      { template: { spec: { containers: [], volumes: [{ secret: { secretName: "p-s" } }] } } },
      {
        rules: [
          {
            backendRefs: [
              { name: "p-svc", port: 80 },
              { name: "elsewhere", port: 80 },
            ],
          },
        ],
        parentRefs: [{ name: "shared", namespace: "gw" }],
      },
      { scaleTargetRef: { apiVersion: "argoproj.io/v1alpha1", kind: "Rollout", name: "p-r" } },
    ]);
  });
});
