import {
  type Closure,
  RENDER_LIMITS,
  type RenderCallOptions,
  type Renderer,
  type RendererKind,
  type RenderJob,
  type RenderRequest,
  type RenderResult,
  type TraceResult,
} from "../ports/renderer.ts";
import type { SourceTree } from "../ports/source-tree.ts";

/**
 * Reads every file of the App's directory, and every values file; the result is their lines, and a line for each value
 * that it was given: what `FakeBundler` takes objects from. Of a chart's archive the lines come first.
 */
export class FakeRenderer implements Renderer {
  readonly kind: RendererKind;
  readonly isolation = "nothing is run";
  version: string;
  /** What another version gives beside the rest. */
  extra = "";
  renders = 0;

  constructor(kind: RendererKind) {
    this.kind = kind;
    this.version = `fake ${kind} 1`;
  }

  prepare(): void {}

  async trace({ path, options }: RenderRequest, trees: ReadonlyMap<string, SourceTree>): Promise<TraceResult> {
    const own = trees.get("") as SourceTree;
    const directory = await own.entry(path);
    const files: Closure["files"][number][] = [];
    for (const file of await own.walk(path, RENDER_LIMITS)) {
      if (file.mode === "file") files.push({ source: "", path: file.path, oid: file.oid, mode: "file" });
    }
    const absent: Closure["absent"][number][] = [];
    for (const { source, path: file } of options.kind === "helm" ? options.valuesFiles : []) {
      const place = source === "" ? `${path}/${file}` : file;
      const found = await trees.get(source)?.entry(place);
      if (found?.mode === "file") files.push({ source, path: place, oid: found.oid, mode: "file" });
      else absent.push({ source, path: place });
    }
    const directories = directory === null ? [] : [{ source: "", path, oid: directory.oid }];
    return { kind: "closure", closure: { files, directories, absent } };
  }

  async render({ request: { options }, files, chart }: RenderJob, _opts: RenderCallOptions): Promise<RenderResult> {
    this.renders += 1;
    const values = options.kind === "helm" ? { ...options.values, ...options.set } : {};
    const lines = Object.entries(values).map(([key, value]) => `Value ${key}=${String(value)}`);
    const manifests = files.map(({ path, bytes }) => ({ path, bytes }));
    return {
      kind: "rendered",
      manifests: [
        ...(chart === null ? [] : [{ path: "chart", bytes: chart }]),
        ...manifests,
        { path: "values", bytes: new TextEncoder().encode([...lines, this.extra].join("\n")) },
      ],
      notices: [],
    };
  }

  async close(): Promise<void> {}
}
