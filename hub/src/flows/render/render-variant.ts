import { createHash } from "node:crypto";
import type { Clock } from "@muster/shared/clock.ts";
import { withDeadline } from "@muster/shared/deadline.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { stableJson } from "@muster/shared/stable-json.ts";
import type { BundleFacts } from "../../core/documents/release.ts";
import type { ObjectScope } from "../../core/policy.ts";
import type { VariantInput } from "../../core/variants.ts";
import type { BundleLimits, Bundler } from "../../ports/bundler.ts";
import type { ResolvedChart } from "../../ports/chart-source.ts";
import type { HubMetrics } from "../../ports/metrics.ts";
import {
  type Closure,
  RENDER_LIMITS,
  type RenderedManifest,
  type Renderer,
  type RendererKind,
  type RenderJob,
  type RenderRequest,
  type RenderResult,
} from "../../ports/renderer.ts";
import type { SourceTree } from "../../ports/source-tree.ts";
import type { Blobs } from "../../ports/store.ts";
import { detectRenderer } from "../detect-renderer.ts";
import { COVER_MAX, type CoverEntry, closureHash, coverOf } from "./closure.ts";
import { toRenderRequest } from "./render-request.ts";

const RENDER_TIMEOUT_MS = 60_000;
const MEMO_MAX = 4_000;
/** Manifests as the renderers gave them, for variants that differ only in what Muster changes afterwards. */
const MANIFESTS_MEMO_BYTES_MAX = 64 * 1024 * 1024;

export interface VariantJob {
  readonly input: VariantInput;
  /** "" is the App's own Source; the others by their names. */
  readonly trees: ReadonlyMap<string, SourceTree>;
  readonly chart: { readonly resolved: ResolvedChart; readonly archive: () => Promise<Uint8Array> } | null;
  /** For a Helm release that has no name of its own. */
  readonly appName: string;
  /** What the latest Release has for the same inputs: taken as it is when what it read is still the same. */
  readonly known: { readonly closure: string; readonly bundle: BundleFacts; readonly renderer: string } | null;
  /** Work for one repository waits for its own kind, not for others'. */
  readonly fairnessKey: string;
}

export interface RenderedVariant {
  readonly kind: "rendered";
  readonly bundle: BundleFacts;
  readonly renderer: { readonly kind: RendererKind; readonly version: string };
  readonly closure: string;
  readonly cover: readonly CoverEntry[];
  /** Null for a bundle that was not looked at again. */
  readonly scopes: readonly ObjectScope[] | null;
  readonly notices: readonly Problem[];
  /** What the renderer and the Bundler took; 0 when nothing had to be done. */
  readonly tookMs: number;
}

export type VariantOutcome = RenderedVariant | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

export type References =
  | { readonly kind: "references"; readonly names: readonly string[] }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

export interface VariantRenderer {
  /** The bundle is stored when this resolves, and `hold` was called for it before it was looked for. */
  render(job: VariantJob, opts: { signal: AbortSignal; hold: (digest: Digest) => void }): Promise<VariantOutcome>;
  /** The variables that the manifests mention, before any is filled in. */
  referencesOf(job: VariantJob, opts: { signal: AbortSignal }): Promise<References>;
  prepare(): void;
}

export interface VariantRendererDeps {
  readonly renderers: Readonly<Record<RendererKind, Renderer>>;
  readonly bundler: Bundler;
  readonly blobs: Pick<Blobs, "has" | "put">;
  /** What one bundle may hold. */
  readonly limits: BundleLimits;
  readonly kubernetesVersion: string;
  readonly clock: Clock;
  readonly metrics: HubMetrics;
}

interface Traced {
  readonly renderer: Renderer;
  readonly request: RenderRequest;
  readonly closure: Closure;
  readonly hash: string;
  /** Of everything that decides what the renderer gives. */
  readonly manifestsKey: string;
}

/**
 * Variant → Bundle: finds the renderer, traces what it would read, and renders only if nothing equal was rendered
 * before. Equal content in another commit, another App or another Project is the same work.
 */
export function createVariantRenderer(deps: VariantRendererDeps): VariantRenderer {
  const { bundler, blobs, limits, clock, metrics } = deps;
  const outcomes = new Map<string, VariantOutcome>();
  const mentioned = new Map<string, References>();
  const manifests = createManifestsMemo();

  async function trace(
    job: VariantJob,
  ): Promise<Traced | { readonly kind: "invalid"; readonly problems: readonly Problem[] }> {
    if (leadsOut(job.input.path)) return { kind: "invalid", problems: [pathOutside(job.input.path)] };
    const own = job.trees.get("") as SourceTree;
    const said = kindOf(job.input);
    const detected = said === null ? await detectRenderer(own, directoryOf(job.input)) : null;
    const kind = said ?? detected?.kind ?? "plain";
    const renderer = deps.renderers[kind];
    const request = toRenderRequest(job.input, {
      kind,
      appName: job.appName,
      chart: job.chart?.resolved ?? null,
      kubernetes: deps.kubernetesVersion,
    });
    const traced = await renderer.trace(request, job.trees);
    if (traced.kind === "invalid") return traced;
    // What was looked for to find the renderer decides as well: another file there is another renderer.
    const looked = (detected?.absent ?? []).map((path) => ({ source: "", path }));
    const absent = [...traced.closure.absent, ...looked];
    const closure = { ...traced.closure, absent };
    const hash = closureHash(closure);
    const manifestsKey = keyOf([hash, request, renderer.version]);
    return { renderer, request, closure, hash, manifestsKey };
  }

  async function manifestsOf(job: VariantJob, traced: Traced, signal: AbortSignal): Promise<RenderResult> {
    const found = manifests.get(traced.manifestsKey);
    if (found) return found;
    const began = clock.now();
    const renderJob: RenderJob = {
      request: traced.request,
      files: await contentsOf(traced.closure, job.trees),
      chart: job.chart === null ? null : await job.chart.archive(),
      limits: RENDER_LIMITS,
    };
    metrics.count("renders");
    const result = await traced.renderer.render(renderJob, { signal, fairnessKey: job.fairnessKey });
    metrics.took("render", clock.now() - began);
    // Of plain files the manifests are the files themselves: nothing is won by keeping them.
    const isKept = result.kind === "rendered" || isTheInputs(result.problems);
    if (traced.renderer.kind !== "plain" && isKept) manifests.set(traced.manifestsKey, result);
    return result;
  }

  return {
    prepare() {
      bundler.prepare();
      for (const renderer of Object.values(deps.renderers)) renderer.prepare();
    },

    async referencesOf(job, { signal: stop }) {
      const signal = withDeadline(RENDER_TIMEOUT_MS, stop);
      const traced = await trace(job);
      if ("kind" in traced) return traced;
      const found = mentioned.get(traced.manifestsKey);
      if (found) return found;
      const made = await manifestsOf(job, traced, signal);
      if (made.kind === "invalid") return made;
      const result = await bundler.bundle(
        { files: made.manifests, collectReferences: true, limits: limitsOf(traced, limits) },
        { signal, fairnessKey: job.fairnessKey },
      );
      // Manifests may make no sense before their variables are filled in: what is mentioned is found all the same.
      const references: References =
        result.kind === "invalid" ? result : { kind: "references", names: result.references };
      remember(mentioned, traced.manifestsKey, references);
      return references;
    },

    async render(job, { signal: stop, hold }) {
      const signal = withDeadline(RENDER_TIMEOUT_MS, stop);
      const traced = await trace(job);
      if ("kind" in traced) return traced;
      const { renderer, hash } = traced;
      const common = {
        kind: "rendered" as const,
        renderer: { kind: renderer.kind, version: renderer.version },
        closure: hash,
        cover: await coverOids(traced.closure, directoryOf(job.input), job.trees),
      };
      if (job.known !== null && job.known.closure === hash && job.known.renderer === renderer.version) {
        hold(job.known.bundle.digest);
        if (await blobs.has(job.known.bundle.digest)) {
          return { ...common, bundle: job.known.bundle, scopes: null, notices: [], tookMs: 0 };
        }
      }
      const key = keyOf([traced.manifestsKey, bundler.version, job.input.transform, job.input.values]);
      const found = outcomes.get(key);
      if (found?.kind === "invalid") return found;
      if (found) {
        // Held before it is looked for: the sweep may be at it. A bundle that was swept since is rendered again.
        hold(found.bundle.digest);
        if (await blobs.has(found.bundle.digest)) {
          metrics.count("renders-memoised");
          return { ...found, ...common, tookMs: 0 };
        }
      }
      const began = clock.now();
      const made = await manifestsOf(job, traced, signal);
      if (made.kind === "invalid") return isTheInputs(made.problems) ? remember(outcomes, key, made) : made;
      const { values, transform } = job.input;
      const sealed = await bundler.bundle(
        {
          files: made.manifests,
          substitute: values === null ? null : { values },
          transform,
          limits: limitsOf(traced, limits),
        },
        { signal, fairnessKey: job.fairnessKey },
      );
      if (sealed.kind === "invalid") {
        return remember(outcomes, key, {
          kind: "invalid",
          problems: withoutOutputLines(sealed.problems, made.manifests),
        });
      }
      const storing = clock.now();
      const { digest, bytes, objects, compressed } = sealed.bundle;
      hold(digest);
      // Another zstd may have compressed the same bundle to other bytes: those that are there do.
      if (!(await blobs.has(digest))) await blobs.put(digest, compressed);
      metrics.took("store", clock.now() - storing);
      return remember(outcomes, key, {
        ...common,
        bundle: { digest, bytes, objects: objects.length },
        scopes: scopesOf(objects),
        notices: made.notices,
        tookMs: clock.now() - began,
      });
    },
  };
}

/** How large a file may be is a matter of what people write: all that kustomize builds comes as one. */
const limitsOf = ({ renderer }: Traced, limits: BundleLimits): BundleLimits =>
  renderer.kind === "plain" ? limits : { ...limits, fileBytesMax: RENDER_LIMITS.outputBytesMax };

/** What ran out of time or memory may find more of them another time: nothing is remembered of it. */
const isTheInputs = (problems: readonly Problem[]): boolean =>
  problems.every(({ code }) => code !== "RenderTimeout" && code !== "RenderMemory");

/** Lines of what a tool has written are nobody's to look up: the file that it came from is told, and no more. */
function withoutOutputLines(problems: readonly Problem[], manifests: readonly RenderedManifest[]): readonly Problem[] {
  const outputs = new Set(manifests.flatMap(({ path, isOutput }) => (isOutput ? [path] : [])));
  return problems.map((problem) => {
    if (problem.where.path === undefined || !outputs.has(problem.where.path)) return problem;
    const { line: _line, document: _document, ...where } = problem.where;
    return { ...problem, where };
  });
}

const kindOf = ({ render }: VariantInput): RendererKind | null =>
  render.helm ? "helm" : render.kustomize ? "kustomize" : render.plain ? "plain" : null;

/** As trees spell it: `""` for the root. */
export const directoryOf = ({ path }: Pick<VariantInput, "path">): string =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");

/** Whether a path climbs above the root on its way, wherever it ends. */
function leadsOut(path: string): boolean {
  let depth = 0;
  for (const part of path.split("/")) {
    if (part === "..") depth -= 1;
    else if (part !== "" && part !== ".") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

const pathOutside = (path: string): Problem => ({
  code: "PathOutside",
  message: `the path ${JSON.stringify(path)} leads out of the repository.`,
  where: { path },
  fix: "Correct spec.source.path: it is a directory of the Source's repository.",
});

const keyOf = (parts: readonly unknown[]): string => createHash("sha256").update(stableJson(parts)).digest("hex");

async function contentsOf(closure: Closure, trees: ReadonlyMap<string, SourceTree>): Promise<RenderJob["files"]> {
  const bySource = Map.groupBy(closure.files, ({ source }) => source);
  const bytes = new Map<string, Uint8Array>();
  for (const [source, files] of bySource) {
    const tree = trees.get(source) as SourceTree;
    const contents = await tree.read(
      files.map(({ oid }) => oid),
      { bytesMax: RENDER_LIMITS.inputBytesMax },
    );
    for (const [index, { path }] of files.entries()) bytes.set(`${source}\0${path}`, contents[index] as Uint8Array);
  }
  return closure.files.map((file) => ({ ...file, bytes: bytes.get(`${file.source}\0${file.path}`) as Uint8Array }));
}

async function coverOids(
  closure: Closure,
  path: string,
  trees: ReadonlyMap<string, SourceTree>,
): Promise<readonly CoverEntry[]> {
  const cover = coverOf(closure, path);
  if (cover.length > COVER_MAX) return [];
  return Promise.all(
    cover.map(async ({ source, path }) => {
      const tree = trees.get(source) as SourceTree;
      return { source, path, oid: (await tree.entry(path))?.oid ?? null };
    }),
  );
}

function scopesOf(objects: readonly ObjectRef[]): readonly ObjectScope[] {
  const scopes = new Map<string, ObjectScope>();
  for (const { apiVersion, kind, namespace, name } of objects) {
    const key = `${apiVersion} ${kind} ${namespace}`;
    if (!scopes.has(key)) scopes.set(key, { apiVersion, kind, namespace, name });
  }
  return [...scopes.values()];
}

/** The oldest gives way. */
function remember<T>(memo: Map<string, T>, key: string, value: T): T {
  memo.delete(key);
  memo.set(key, value);
  const [oldest] = memo.keys();
  if (memo.size > MEMO_MAX && oldest !== undefined) memo.delete(oldest);
  return value;
}

function createManifestsMemo(): {
  get(key: string): RenderResult | null;
  set(key: string, result: RenderResult): void;
} {
  const memo = new Map<string, { result: RenderResult; bytes: number }>();
  let total = 0;
  const forget = (key: string): void => {
    total -= memo.get(key)?.bytes ?? 0;
    memo.delete(key);
  };
  return {
    get: (key) => memo.get(key)?.result ?? null,
    set(key, result) {
      const bytes =
        result.kind === "invalid" ? 1_000 : result.manifests.reduce((sum, { bytes }) => sum + bytes.length, 1_000);
      if (bytes > MANIFESTS_MEMO_BYTES_MAX / 4) return;
      forget(key);
      memo.set(key, { result, bytes });
      total += bytes;
      for (const [oldest] of memo) {
        if (total <= MANIFESTS_MEMO_BYTES_MAX) break;
        forget(oldest);
      }
    },
  };
}
