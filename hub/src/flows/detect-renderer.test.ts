import { expect, it } from "vitest";
import { MemoryTree } from "../testing/memory-tree.ts";
import { detectRenderer } from "./detect-renderer.ts";

it.each([
  ["a chart", { "app/Chart.yaml": "", "app/kustomization.yaml": "" }, "helm", []],
  ["a kustomization", { "app/kustomization.yaml": "" }, "kustomize", ["app/Chart.yaml"]],
  [
    "a kustomization by its oldest name",
    { "app/Kustomization": "" },
    "kustomize",
    ["app/Chart.yaml", "app/kustomization.yaml", "app/kustomization.yml"],
  ],
  [
    "neither, in it",
    { "app/below/Chart.yaml": "", "kustomization.yaml": "" },
    "plain",
    ["app/Chart.yaml", "app/kustomization.yaml", "app/kustomization.yml", "app/Kustomization"],
  ],
])("%s", async (_, files, kind, absent) => {
  expect(await detectRenderer(new MemoryTree(files as never), "app")).toMatchObject({ kind, absent });
});

it("looks in the root too", async () => {
  expect(await detectRenderer(new MemoryTree({ "Chart.yaml": "" }), "")).toMatchObject({
    kind: "helm",
    found: { path: "Chart.yaml" },
  });
});
