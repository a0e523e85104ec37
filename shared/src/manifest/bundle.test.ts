import { readdirSync, readFileSync } from "node:fs";
import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Digest } from "../model/ids.ts";
import { configMap, deployment, type Manifest, namespaceObject } from "../testing/manifests.ts";
import { BUNDLE_HEADER, decodeBundle, digestOf, encodeBundle } from "./bundle.ts";
import { parseManifests } from "./parse.ts";

const bundleOf = (...objects: Manifest[]) =>
  encodeBundle(
    objects.map((object) => ({
      object,
      ref: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        namespace: object.metadata.namespace ?? "",
        name: object.metadata.name,
      },
    })),
  );

const compressed = (text: string) => zstdCompressSync(Buffer.from(text));

describe("bundle format b1", () => {
  const three = [deployment("b", { namespace: "shop" }), namespaceObject("shop"), configMap("a", { k: "v" })] as const;

  it("is a header and one object a line, ordered by key", () => {
    const { canonical, digest, refs } = bundleOf(...three);
    expect(Buffer.from(canonical).toString().split("\n")).toEqual([
      "muster-bundle/b1",
      '{"apiVersion":"v1","data":{"k":"v"},"kind":"ConfigMap","metadata":{"name":"a"}}',
      '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}',
      expect.stringMatching(/^\{"apiVersion":"apps\/v1","kind":"Deployment"/),
      "",
    ]);
    expect(refs.map(({ kind }) => kind)).toEqual(["ConfigMap", "Namespace", "Deployment"]);
    expect(digest).toBe(digestOf(canonical));
  });

  it("does not depend on the order of objects or of their keys", () => {
    const [b, shop, a] = three;
    const { metadata, ...rest } = b;
    expect(bundleOf(a, shop, { metadata, ...rest } as Manifest).digest).toBe(bundleOf(...three).digest);
    expect(bundleOf(a, shop, deployment("b", { namespace: "shop", replicas: 2 })).digest).not.toBe(
      bundleOf(...three).digest,
    );
  });

  it("comes back as it was", () => {
    const encoded = bundleOf(...three);
    const decoded = decodeBundle(encoded.compressed, { bytesMax: 10_000, expected: encoded.digest });
    expect(decoded.bytes).toBe(encoded.canonical.length);
    expect(decoded.objects.map(({ ref }) => ref)).toEqual(encoded.refs);
    expect(decoded.objects.map(({ json }) => JSON.parse(json))).toEqual([three[2], three[1], three[0]]);
  });

  it("may be empty", () => {
    const { compressed, digest } = bundleOf();
    expect(decodeBundle(compressed, { bytesMax: 100, expected: digest }).objects).toEqual([]);
  });

  it("holds no object twice", () => {
    expect(() => bundleOf(configMap("a"), configMap("a", { x: "y" }))).toThrow(/ConfigMap a is in the bundle twice/);
  });

  it("that was tampered with, or is none, is refused", () => {
    const encoded = bundleOf(...three);
    const other = "b1:sha256:0000000000000000000000000000000000000000000000000000000000000000" as Digest;
    const a = JSON.stringify(configMap("a"));
    const b = JSON.stringify(configMap("b"));
    const cases: [Uint8Array, string, Digest?][] = [
      [encoded.compressed, "corrupt", other],
      [encoded.compressed.subarray(0, 30), "corrupt"],
      [Buffer.from("not zstd"), "corrupt"],
      [compressed("hello\n"), "corrupt"],
      [compressed("muster-bundle/b2\n{}\n"), "unsupported"],
      [compressed(`${BUNDLE_HEADER}\n${a}`), "corrupt"],
      [compressed(`${BUNDLE_HEADER}\n${b}\n${a}\n`), "corrupt"],
      [compressed(`${BUNDLE_HEADER}\n${a}\n${a}\n`), "corrupt"],
      [compressed(`${BUNDLE_HEADER}\n{"kind":"X"}\n`), "corrupt"],
      [compressed(`${BUNDLE_HEADER}\nnull\n`), "corrupt"],
      [compressed(`${BUNDLE_HEADER}\n{\n`), "corrupt"],
    ];
    for (const [bytes, code, expected] of cases) {
      expect(() => decodeBundle(bytes, { bytesMax: 10_000, ...(expected ? { expected } : {}) })).toThrow(
        expect.objectContaining({ code }),
      );
    }
    const flipped = Uint8Array.from(encoded.compressed);
    flipped[20] = (flipped[20] as number) ^ 1;
    expect(() => decodeBundle(flipped, { bytesMax: 10_000, expected: encoded.digest })).toThrow(
      expect.objectContaining({ code: "corrupt" }),
    );
  });

  it("that is a bomb is refused before it goes off", () => {
    const bomb = zstdCompressSync(Buffer.alloc(200 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    const before = process.memoryUsage().rss;
    expect(() => decodeBundle(bomb, { bytesMax: 1024 * 1024 })).toThrow(expect.objectContaining({ code: "too-large" }));
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });
});

/** Bundles made by the first release: a later one must give the same bytes for the same files. */
describe("fixtures of b1", () => {
  const folder = new URL("../../fixtures/b1/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml") || name.endsWith(".json"));

  it("are there", () => expect(names.length).toBeGreaterThanOrEqual(4));

  it.each(names)("%s", (name) => {
    const { manifests, problems } = parseManifests({ path: name, bytes: readFileSync(new URL(name, folder)) });
    expect(problems).toEqual([]);
    const encoded = encodeBundle(manifests);
    expect(Buffer.from(encoded.canonical).toString()).toBe(readFileSync(new URL(`${name}.canonical`, folder), "utf8"));
    expect(encoded.digest).toBe(readFileSync(new URL(`${name}.digest`, folder), "utf8").trim());
    const stored = readFileSync(new URL(`${name}.zst`, folder));
    expect(decodeBundle(stored, { bytesMax: 1_000_000, expected: encoded.digest }).objects).toHaveLength(
      manifests.length,
    );
  });
});
