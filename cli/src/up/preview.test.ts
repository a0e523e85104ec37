import {
  createMemoryCluster,
  type MemoryCluster,
} from "@muster/agent/adapters/memory-cluster/create-memory-cluster.ts";
import type { BundleObject } from "@muster/agent/ports/bundle-opener.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPaint } from "../output/paint.ts";
import { changedFields, previewCluster } from "./preview.ts";
import { previewText } from "./preview-text.ts";

const app = { project: "default", name: "shop" };
const owned = { labels: { "muster.dev/owner": "abc" }, annotations: { "muster.dev/app": "default/shop" } };

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = createMemoryCluster({ clock: systemClock, random: Math.random, name: "dev" });
});
afterEach(() => cluster.close());

/** As the bundle opener gives it: no namespace yet, and the place where it goes. */
function configMap(name: string, data: object): BundleObject {
  const head = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{';
  const body = `${head}${JSON.stringify({ name, ...owned }).slice(1)},"data":${JSON.stringify(data)}}`;
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "", name };
  return { ref, body, namespaceAt: head.length, hash: body };
}

const preview = (objects: readonly BundleObject[]) =>
  previewCluster(
    cluster.api,
    { objects, definedKinds: new Map(), bytes: 0 },
    { cluster: "dev", app, namespace: "default" },
  );

describe("previewCluster", () => {
  it("says what would be created, changed, and left alone, and writes nothing", async () => {
    const user = cluster.asUser("kubectl");
    const metadata = { namespace: "default" };
    await user.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { ...metadata, name: "same", ...owned },
      data: { a: "1" },
    });
    await user.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { ...metadata, name: "other", ...owned },
      data: { a: "0" },
    });
    await user.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { ...metadata, name: "theirs" }, data: {} });
    const objects = ["new", "same", "other", "theirs"].map((name) => configMap(name, { a: "1" }));
    const found = await preview(objects);
    expect(found.entries.map(({ kind }) => kind)).toEqual(["create", "same", "change", "foreign"]);
    expect(found.entries[2]).toMatchObject({ fields: ["data.a"] });
    const missing = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "new" };
    expect(await cluster.api.get(missing)).toBeNull();

    expect(previewText([found], createPaint(false))).toBe(`dev: 1 to create, 1 to change, 1 as they are, 1 left alone
  + ConfigMap default/new
  ~ ConfigMap default/other  data.a
  ! ConfigMap default/theirs  exists and belongs to nobody that Muster knows: left alone, and told as a problem
`);
  });

  it("tells what the API server refuses", async () => {
    const unknown: BundleObject = {
      ...configMap("x", {}),
      ref: { apiVersion: "example.com/v1", kind: "Unknown", namespace: "", name: "x" },
    };
    expect((await preview([unknown])).entries[0]).toMatchObject({
      kind: "refused",
      reason: expect.stringMatching(/Unknown/),
    });
  });
});

describe("changedFields", () => {
  it.each([
    [{ a: 1 }, { a: 1 }, []],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, ["a.b[1]"]],
    [{ a: 1 }, { b: 1 }, ["b", "a"]],
    [{ a: null }, { a: {} }, ["a"]],
    [{ metadata: { resourceVersion: "1" }, status: 1 }, { metadata: { resourceVersion: "2" }, status: 2 }, []],
  ])("%j to %j: %j", (before, after, expected) => {
    expect(changedFields(before, after)).toEqual(expected);
  });
});
