import type { Digest } from "@muster/shared/model/ids.ts";
import { describe, expect, it } from "vitest";
import { BUNDLE_LIMITS } from "../ports/bundler.ts";
import { FakeBundler } from "../testing/fake-bundler.ts";
import { bundleOfBlob, compareBundles, notingRefs } from "./bundle-refs.ts";

const signal = AbortSignal.timeout(5_000);

async function world() {
  const blobs = new Map<string, Uint8Array>();
  const store = {
    put: async (name: string, bytes: Uint8Array) => void blobs.set(name, bytes),
    get: async (name: string) => blobs.get(name) ?? null,
  };
  const bundler = notingRefs(new FakeBundler(), store);
  const side = async (names: readonly string[], namespace = "shop") => {
    const bytes = new TextEncoder().encode(names.map((name) => `ConfigMap ${name}`).join("\n"));
    const result = await bundler.bundle(
      { files: [{ path: "a.yaml", bytes }], limits: BUNDLE_LIMITS },
      { signal, fairnessKey: "" },
    );
    if (result.kind === "invalid") throw new Error("not rendered");
    return { digest: result.bundle.digest, objects: names.length, namespace };
  };
  return { blobs, store, side };
}

describe("compareBundles", () => {
  it.each([
    ["the same", ["a", "b"], ["a", "b"], 0],
    ["one more", ["a"], ["a", "b"], 0],
    ["one less", ["a", "b"], ["a"], 1],
    ["one under another name", ["a", "b"], ["a", "c"], 1],
    ["all others, as many", ["a", "b", "c"], ["x", "y", "z"], 3],
  ])("counts what the second drops: %s", async (_what, before, after, dropped) => {
    const { store, side } = await world();
    expect(await compareBundles(store, await side(before), await side(after))).toEqual({ dropped, of: before.length });
  });

  it("counts everything that moves to another namespace", async () => {
    const { store, side } = await world();
    const [from, to] = [await side(["a", "b"]), await side(["a", "b"], "front")];
    expect(await compareBundles(store, from, to)).toEqual({ dropped: 2, of: 2 });
  });

  it("goes by the numbers where a list is missing", async () => {
    const { blobs, store, side } = await world();
    const [from, to] = [await side(["a", "b", "c"]), await side(["a"])];
    blobs.clear();
    expect(await compareBundles(store, from, to)).toEqual({ dropped: 2, of: 3 });
  });

  it("keeps eight bytes an object, beside the bundle", async () => {
    const { blobs, side } = await world();
    const { digest } = await side(["a", "b", "c"]);
    const [[name, bytes] = ["", new Uint8Array()]] = [...blobs];
    expect([bundleOfBlob(name), bytes.byteLength]).toEqual([digest, 24]);
    expect(bundleOfBlob(digest)).toBe(digest satisfies Digest);
  });
});
