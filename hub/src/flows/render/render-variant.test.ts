import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import { appDefinition } from "@muster/shared/model/definitions/app.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { beforeEach, expect, it, vi } from "vitest";
import { renderSpecOf } from "../../core/variants.ts";
import { BUNDLE_LIMITS } from "../../ports/bundler.ts";
import { noMetrics } from "../../ports/metrics.ts";
import { RENDER_LIMITS } from "../../ports/renderer.ts";
import { FakeBundler } from "../../testing/fake-bundler.ts";
import { FakeRenderer } from "../../testing/fake-renderer.ts";
import { appOf } from "../../testing/hub-fixture.ts";
import { MemoryTree } from "../../testing/memory-tree.ts";
import { createVariantRenderer, type VariantRenderer } from "./render-variant.ts";
import { variantsOf } from "./variants-of.ts";

const app: AppDefinition = appDefinition.parse({ ...appOf(), metadata: { name: "shop", project: "default" } });
const never = new AbortController().signal;

let bundler: FakeBundler;
let blobs: Map<string, Uint8Array>;
let renderer: VariantRenderer;
beforeEach(() => {
  bundler = new FakeBundler();
  blobs = new Map();
  renderer = createVariantRenderer({
    renderers: {
      plain: new FakeRenderer("plain"),
      kustomize: new FakeRenderer("kustomize"),
      helm: new FakeRenderer("helm"),
    },
    bundler,
    blobs: {
      has: async (name) => blobs.has(name),
      async put(name, bytes) {
        const stored = blobs.get(name);
        if (stored !== undefined && stored.length !== bytes.length) throw new Error(`${name} is stored otherwise`);
        blobs.set(name, bytes);
      },
    },
    limits: BUNDLE_LIMITS,
    kubernetesVersion: "1.34",
    clock: new FakeClock(),
    metrics: noMetrics,
  });
});

function render(files: Record<string, string>) {
  const variant = variantsOf(renderSpecOf(app.spec), [])(null);
  if (variant.kind === "invalid") throw new Error("no variant");
  const { input } = variant.variant;
  const trees = new Map([["", new MemoryTree(files)]]);
  const job = { input, trees, chart: null, appName: "shop", known: null, fairnessKey: "one" };
  return renderer.render(job, { signal: never, hold: () => {} });
}

it("takes what a tool wrote whole, and of files only as much as people write", async () => {
  const bundle = vi.spyOn(bundler, "bundle");
  await render({ "apps/shop/web.yaml": "Deployment web" });
  await render({ "apps/shop/web.yaml": "Deployment web", "apps/shop/kustomization.yaml": "" });
  expect(bundle.mock.calls.map(([{ limits }]) => limits.fileBytesMax)).toEqual([
    BUNDLE_LIMITS.fileBytesMax,
    RENDER_LIMITS.outputBytesMax,
  ]);
});

it("leaves a bundle as it is stored that another zstd has compressed", async () => {
  const first = await render({ "apps/shop/web.yaml": "Deployment web" });
  const digest = first.kind === "rendered" ? first.bundle.digest : "";
  blobs.set(digest, new Uint8Array(3));
  const again = await render({ "apps/shop/web.yaml": "# a comment\nDeployment web" });
  expect(again).toMatchObject({ kind: "rendered", bundle: { digest } });
  expect(blobs.get(digest)).toHaveLength(3);
});
