import { encodeBundle } from "@muster/shared/manifest/bundle.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import { objectRef } from "@muster/shared/model/object-ref.ts";
import { afterAll, describe, expect, test } from "vitest";
import { createWorkerBundleOpener } from "./worker-bundle-opener.ts";

const opener = createWorkerBundleOpener();
afterAll(() => opener.close());

const owner = { hash: "h".repeat(20), app: { project: "p", name: "a" } };
const seal = (
  objects: readonly { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } }[],
) => encodeBundle(objects.map((object) => ({ ref: objectRef.parse({ ...object, ...object.metadata }), object })));
const open = (compressed: Uint8Array, digest: Digest, bytesMax = 1_000_000) =>
  opener.open(compressed, { digest, owner, bytesMax });

describe("the bundle opener", () => {
  test("gives each object its owner, and a place for its namespace", async () => {
    const plain = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { x: "1" } };
    const placed = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "b", namespace: "n", labels: { l: "1" } } };
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s" },
      stringData: { k: "ü" },
      data: { o: "eA==" },
    };
    const sealed = seal([plain, placed, secret]);
    const { objects } = await open(sealed.compressed, sealed.digest);
    const byName = new Map(objects.map((object) => [object.ref.name, object]));
    const a = byName.get("a");
    expect(JSON.parse(a?.body ?? "")).toEqual({
      ...plain,
      metadata: {
        name: "a",
        labels: { "muster.dev/owner": owner.hash },
        annotations: { "muster.dev/app": "p/a" },
      },
    });
    const at = a?.namespaceAt ?? 0;
    expect(JSON.parse(`${a?.body.slice(0, at)}"namespace":"shop",${a?.body.slice(at)}`).metadata.namespace).toBe(
      "shop",
    );
    expect(byName.get("b")).toMatchObject({ namespaceAt: null, ref: { namespace: "n" } });
    expect(JSON.parse(byName.get("b")?.body ?? "").metadata.labels).toEqual({ l: "1", "muster.dev/owner": owner.hash });
    expect(JSON.parse(byName.get("s")?.body ?? "")).toMatchObject({ data: { k: "w7w=", o: "eA==" } });
    expect(JSON.parse(byName.get("s")?.body ?? "")).not.toHaveProperty("stringData");
  });

  test("tells which kinds the bundle defines", async () => {
    const definition = (name: string, scope: string) => ({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${name.toLowerCase()}s.example.com` },
      spec: { group: "example.com", scope, names: { kind: name } },
    });
    const sealed = seal([definition("Widget", "Namespaced"), definition("Planet", "Cluster")]);
    const { definedKinds } = await open(sealed.compressed, sealed.digest);
    expect([...definedKinds].toSorted()).toEqual([
      ["example.com/Planet", false],
      ["example.com/Widget", true],
    ]);
  });

  test("refuses any flipped byte, another digest and too much of it, and goes on working", async () => {
    const sealed = seal([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } }]);
    for (let i = 0; i < sealed.compressed.length; i++) {
      const flipped = Uint8Array.from(sealed.compressed, (byte, at) => (at === i ? byte ^ 1 : byte));
      await expect(open(flipped, sealed.digest)).rejects.toMatchObject({
        code: expect.stringMatching(/corrupt|too-large/),
      });
    }
    const other = seal([]).digest;
    await expect(open(sealed.compressed, other)).rejects.toMatchObject({ code: "corrupt" });
    await expect(open(sealed.compressed, sealed.digest, 10)).rejects.toMatchObject({ code: "too-large" });
    expect((await open(sealed.compressed, sealed.digest)).objects).toHaveLength(1);
  });
});
