import {
  type Closure,
  RENDER_LIMITS,
  type RenderCallOptions,
  type Renderer,
  type RenderJob,
  type RenderLimits,
  type RenderOptions,
  type RenderRequest,
  type RenderResult,
} from "../ports/renderer.ts";
import type { SourceTree } from "../ports/source-tree.ts";

export interface RenderThroughOptions {
  readonly path?: string;
  readonly others?: Readonly<Record<string, SourceTree>>;
  readonly chart?: Uint8Array;
  readonly namespace?: string;
  readonly capabilities?: RenderRequest["capabilities"];
  readonly limits?: Partial<RenderLimits>;
  readonly call?: Partial<RenderCallOptions>;
}

type HelmRender = Extract<RenderOptions, { kind: "helm" }>;

export const plainOptions = (given: Partial<Extract<RenderOptions, { kind: "plain" }>> = {}): RenderOptions => ({
  kind: "plain",
  include: [],
  exclude: [],
  recurse: true,
  ...given,
});

export const kustomizeOptions = (remoteHosts: readonly string[] = []): RenderOptions => ({
  kind: "kustomize",
  remoteHosts,
});

export const helmOptions = (given: Partial<HelmRender> = {}): RenderOptions => ({
  kind: "helm",
  chart: null,
  releaseName: "shop",
  valuesFiles: [],
  values: {},
  set: {},
  includeCrds: true,
  includeHooks: true,
  ...given,
});

export const requestOf = (options: RenderOptions, through: RenderThroughOptions = {}): RenderRequest => ({
  path: through.path ?? "app",
  options,
  destination: { namespace: through.namespace ?? "shop" },
  capabilities: through.capabilities ?? { kubernetes: "1.34", apiVersions: [] },
});

const treesOf = (tree: SourceTree, through: RenderThroughOptions): ReadonlyMap<string, SourceTree> =>
  new Map([["", tree], ...Object.entries(through.others ?? {})]);

/** The closure of a request; what is wrong with it is thrown, for tests that want none of that. */
export async function traceThrough(
  renderer: Renderer,
  tree: SourceTree,
  options: RenderOptions,
  through: RenderThroughOptions = {},
): Promise<Closure> {
  const traced = await renderer.trace(requestOf(options, through), treesOf(tree, through));
  if (traced.kind === "invalid") throw new Error(JSON.stringify(traced.problems));
  return traced.closure;
}

/** Traces and renders, as the hub does: the job holds the files of the closure and nothing else. */
export async function renderThrough(
  renderer: Renderer,
  tree: SourceTree,
  options: RenderOptions,
  through: RenderThroughOptions = {},
): Promise<RenderResult> {
  const request = requestOf(options, through);
  const trees = treesOf(tree, through);
  const traced = await renderer.trace(request, trees);
  if (traced.kind === "invalid") return traced;
  const files = await Promise.all(
    traced.closure.files.map(async (file) => {
      const [bytes] = (await trees.get(file.source)?.read([file.oid], { bytesMax: RENDER_LIMITS.inputBytesMax })) ?? [];
      return { ...file, bytes: bytes ?? new Uint8Array() };
    }),
  );
  const limits = { ...RENDER_LIMITS, ...through.limits };
  const job: RenderJob = { request, files, chart: through.chart ?? null, limits };
  const never = new AbortController().signal;
  return renderer.render(job, { signal: never, fairnessKey: "https://git.example.com/one.git", ...through.call });
}
