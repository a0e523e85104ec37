import type { RendererKind } from "../ports/renderer.ts";
import type { SourceTree } from "../ports/source-tree.ts";

const MARKS: readonly { readonly name: string; readonly kind: RendererKind }[] = [
  { name: "Chart.yaml", kind: "helm" },
  { name: "kustomization.yaml", kind: "kustomize" },
  { name: "kustomization.yml", kind: "kustomize" },
  { name: "Kustomization", kind: "kustomize" },
];

export interface DetectedRenderer {
  readonly kind: RendererKind;
  /** What was found first, or looked for in vain: part of what the choice depends on. */
  readonly found: { readonly path: string; readonly oid: string } | null;
  readonly absent: readonly string[];
}

/** How an App's directory is rendered when its definition does not say: by the first of the known files in it. */
export async function detectRenderer(tree: SourceTree, path: string): Promise<DetectedRenderer> {
  const absent: string[] = [];
  for (const { name, kind } of MARKS) {
    const file = path === "" ? name : `${path}/${name}`;
    const entry = await tree.entry(file);
    if (entry !== null && entry.mode !== "directory") return { kind, found: { path: file, oid: entry.oid }, absent };
    absent.push(file);
  }
  return { kind: "plain", found: null, absent };
}
