import { type AppSetDefinition, appSetDefinition } from "@muster/shared/model/definitions/app-set.ts";
import { problem } from "@muster/shared/model/problem.ts";
import { describe, expect, it } from "vitest";
import { APPS_MAX, expandAppSet, type GeneratorItem } from "./expand.ts";

const spec = {
  source: { name: "fleet", path: "${directory.path}" },
  destination: { namespace: "${directory.name}" },
  clusters: { matchLabels: { tier: "prod" } },
};

const appSet = (template: object = { metadata: { name: "${directory.name}" }, spec }): AppSetDefinition =>
  appSetDefinition.parse({
    apiVersion: "muster.dev/v1alpha1",
    kind: "AppSet",
    metadata: { name: "apps", project: "storefront" },
    spec: { generator: { directories: { source: "fleet", path: "apps/*" } }, template },
  });

const directory = (path: string): GeneratorItem => ({ kind: "directory", path });
const file = (path: string, content: object | string | null): GeneratorItem =>
  ({ kind: "file", path, content }) as GeneratorItem;

describe("expandAppSet", () => {
  it("makes an App of each directory, with its origin", () => {
    const { apps, problems, broken } = expandAppSet(appSet(), [directory("apps/api"), directory("apps/shop")]);
    expect([problems, broken]).toEqual([[], []]);
    expect(apps.map(({ definition }) => definition.metadata)).toEqual([
      { name: "api", project: "storefront" },
      { name: "shop", project: "storefront" },
    ]);
    expect(apps[1]).toMatchObject({
      definition: {
        spec: { source: { path: "apps/shop" }, destination: { namespace: "shop" }, sync: { drift: "heal" } },
      },
      origin: { appSet: { project: "storefront", name: "apps" }, item: "directory apps/shop" },
    });
  });

  it("makes an App of each file, by its fields", () => {
    const set = appSet({
      metadata: { name: "shop-${file.name}", labels: { region: "${file.cluster.region}" } },
      spec: {
        source: { name: "fleet", path: "shop" },
        clusters: { names: "${file.clusters}" },
        vars: { PORT: "${file.port}" },
        destination: { createNamespace: "${file.isNew:-true}" },
        render: { helm: { valuesObject: "${file.values}", set: { port: "${file.port}" } } },
      },
    });
    const content = {
      cluster: { region: "eu" },
      clusters: ["eu-1", "eu-2"],
      port: 8080,
      isNew: false,
      values: { replicas: 3 },
    };
    const { apps, problems } = expandAppSet(set, [file("clusters/eu.yaml", content)]);
    expect(problems).toEqual([]);
    expect(apps[0]?.definition).toMatchObject({
      metadata: { name: "shop-eu", labels: { region: "eu" } },
      spec: {
        clusters: { names: ["eu-1", "eu-2"] },
        vars: { PORT: "8080" },
        destination: { createNamespace: false },
        render: { helm: { valuesObject: { replicas: 3 }, set: { port: 8080 } } },
      },
    });
  });

  it("takes a file's own field `name` for what its author means", () => {
    const set = appSet({
      metadata: { name: "${file.name}" },
      spec: { ...spec, ...{ source: { name: "fleet" }, destination: {} } },
    });
    const { apps } = expandAppSet(set, [file("c/a.yaml", { name: "prod" }), file("c/b.json", {})]);
    expect(apps.map(({ definition }) => definition.metadata.name)).toEqual(["prod", "b"]);
  });

  it("makes an App of each value of a label", () => {
    const set = appSet({
      metadata: { name: "shop-${label.value}" },
      spec: { source: { name: "fleet" }, clusters: { matchLabels: { region: "${label.value}" } } },
    });
    const { apps } = expandAppSet(set, [{ kind: "label", value: "eu" }]);
    expect(apps[0]).toMatchObject({
      definition: { metadata: { name: "shop-eu" }, spec: { clusters: { matchLabels: { region: "eu" } } } },
      origin: { item: "label value eu" },
    });
  });

  it("leaves what is the App's own to the App", () => {
    const set = appSet({
      metadata: { name: "${directory.name}" },
      spec: { ...spec, source: { name: "fleet", path: "${directory.path}/${cluster.name}/${tier}" } },
    });
    const { apps } = expandAppSet(set, [directory("apps/shop")]);
    expect(apps[0]?.definition.spec.source.path).toBe("apps/shop/${cluster.name}/${tier}");
  });
});

describe("what is wrong", () => {
  it("breaks one item, and leaves the others", () => {
    const { apps, problems, broken } = expandAppSet(appSet(), [directory("apps/My_Shop"), directory("apps/api")]);
    expect(apps.map(({ definition }) => definition.metadata.name)).toEqual(["api"]);
    expect(broken).toEqual(["directory apps/My_Shop"]);
    expect(problems).toMatchObject([
      {
        code: "InvalidField",
        message: expect.stringMatching(/^directory apps\/My_Shop: "spec\.template\.metadata\.name" becomes "My_Shop"/),
        where: { field: "spec.template.metadata.name" },
        fix: expect.stringContaining("Rename the directory so that it gives my-shop"),
      },
      { message: expect.stringContaining("spec.destination.namespace") },
    ]);
    for (const each of problems) expect(problem.parse(each)).toEqual(each);
  });

  it("is told by the file and field it is in", () => {
    const set = appSet({
      metadata: { name: "shop-${file.name}" },
      spec: { source: { name: "fleet" }, clusters: { matchLabels: { region: "${file.regoin}" } } },
    });
    const { problems } = expandAppSet(set, [file("clusters/eu.yaml", { region: "eu" })]);
    expect(problems).toMatchObject([
      {
        code: "UnknownVariable",
        message: expect.stringMatching(/^file clusters\/eu\.yaml: .*Did you mean file\.region\?/),
        where: { path: "clusters/eu.yaml", field: "spec.template.spec.clusters.matchLabels.region" },
      },
    ]);
  });

  it("may be a field of the App that came out", () => {
    const set = appSet({
      metadata: { name: "${directory.name}" },
      spec: { ...spec, sync: { drift: "${directory.name}", prume: true } },
    });
    const { problems } = expandAppSet(set, [directory("apps/shop")]);
    expect(problems.map(({ code, where }) => [code, where.field])).toEqual([
      ["InvalidField", "spec.template.spec.sync.drift"],
      ["UnknownField", "spec.template.spec.sync.prume"],
    ]);
    expect(problems[1]?.message).toContain('did you mean "prune"?');
  });

  it.each([["just text"], [null], [["a"]]])("may be a file that holds no fields: %j", (content) => {
    const { broken, problems } = expandAppSet(appSet(), [file("clusters/eu.yaml", content as never)]);
    expect(broken).toEqual(["file clusters/eu.yaml"]);
    expect(problems[0]).toMatchObject({ where: { path: "clusters/eu.yaml" }, fix: expect.any(String) });
  });

  it("may be a name that two items give: neither is made", () => {
    const items = [directory("a/shop"), directory("b/shop"), directory("b/api")];
    const { apps, broken, problems } = expandAppSet(appSet(), items);
    expect(apps.map(({ origin }) => origin.item)).toEqual(["directory b/api"]);
    expect(broken).toEqual(["directory a/shop", "directory b/shop"]);
    expect(problems).toMatchObject([
      {
        message: expect.stringContaining("directory a/shop, directory b/shop all give an App called shop"),
        fix: expect.stringContaining("${directory.segments.0}-${directory.name}"),
      },
    ]);
    const named = appSet({ metadata: { name: "${directory.segments.0}-${directory.name}" }, spec });
    expect(expandAppSet(named, items).apps.map(({ definition }) => definition.metadata.name)).toEqual([
      "a-shop",
      "b-shop",
      "b-api",
    ]);
  });

  it("is told twenty times at most, and breaks every item it is in", () => {
    const items = Array.from({ length: 50 }, (_, index) => directory(`apps/A_${index}`));
    const { problems, broken } = expandAppSet(appSet(), items);
    expect([problems.length, broken.length]).toEqual([20, 50]);
  });

  it("may be far too many items: then nothing is made, and nothing has gone", () => {
    const items = Array.from({ length: APPS_MAX + 1 }, (_, index) => directory(`apps/a${index}`));
    const { apps, problems, broken } = expandAppSet(appSet(), items);
    expect([apps.length, broken.length]).toEqual([0, items.length]);
    expect(problems).toMatchObject([{ code: "TooManyObjects" }]);
  });
});
