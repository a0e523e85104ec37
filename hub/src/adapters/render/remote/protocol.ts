import { problem } from "@muster/shared/model/problem.ts";
import { z } from "zod";
import { RENDER_LIMITS, type RenderJob, type RenderResult } from "../../../ports/renderer.ts";

/**
 * What hub and renderer say to one another, over HTTP:
 *
 *     GET  /v1/renderers               → { renderers: [{ kind, version, isolation }] }
 *     POST /v1/renderers/{kind}/render   frames: a job's header, its files in order, its chart
 *                                      → frames: a result's header, its manifests in order
 *
 * A refusal is another status with { code, message }. The hub says which version it means, and gets 409 when that is
 * not the one that is there: a Release says by what it was rendered.
 */
export const RENDERERS_PATH = "/v1/renderers";
export const renderPath = (kind: string): string => `${RENDERERS_PATH}/${kind}/render`;

/** Of headers and lengths, on top of the contents. */
const ENVELOPE_BYTES_MAX = 16 * 1_024 * 1_024;
/** A chart's archive comes with the files. */
export const JOB_BYTES_MAX = RENDER_LIMITS.inputBytesMax * 2 + ENVELOPE_BYTES_MAX;
export const RESULT_BYTES_MAX = RENDER_LIMITS.outputBytesMax + ENVELOPE_BYTES_MAX;

const remoteKind = z.enum(["kustomize", "helm"]);
export type RemoteKind = z.infer<typeof remoteKind>;

const rendererFacts = z.object({ kind: remoteKind, version: z.string().max(200), isolation: z.string().max(1_000) });
export const renderersAnswer = z.object({ renderers: z.array(rendererFacts).max(8) });
export type RendererFacts = z.infer<typeof rendererFacts>;

export const refusal = z.object({ code: z.string(), message: z.string() });

const text = z.string().max(4_096);
const values = z.record(z.string(), z.unknown());
const limit = (max: number) => z.int().min(1).max(max);

const renderOptions = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("kustomize"), remoteHosts: z.array(text).max(64) }),
  z.strictObject({
    kind: z.literal("helm"),
    chart: z.strictObject({ name: text, version: text, digest: text }).nullable(),
    releaseName: text,
    valuesFiles: z.array(z.strictObject({ source: text, path: text, isOptional: z.boolean() })).max(128),
    values,
    set: values,
    includeCrds: z.boolean(),
    includeHooks: z.boolean(),
  }),
]);

export const jobHeader = z.strictObject({
  version: z.string().max(200),
  fairnessKey: text,
  request: z.strictObject({
    path: text,
    options: renderOptions,
    destination: z.strictObject({ namespace: text }),
    capabilities: z.strictObject({ kubernetes: text, apiVersions: z.array(text).max(4_096) }),
  }),
  files: z
    .array(z.strictObject({ source: text, path: text, oid: text, mode: z.enum(["file", "executable"]) }))
    .max(RENDER_LIMITS.filesMax),
  hasChart: z.boolean(),
  limits: z.strictObject({
    filesMax: limit(RENDER_LIMITS.filesMax),
    inputBytesMax: limit(RENDER_LIMITS.inputBytesMax),
    outputBytesMax: limit(RENDER_LIMITS.outputBytesMax),
    memoryBytesMax: limit(RENDER_LIMITS.memoryBytesMax),
    timeoutMsMax: limit(RENDER_LIMITS.timeoutMsMax),
  }),
});
export type JobHeader = z.infer<typeof jobHeader>;

export const resultHeader = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("rendered"),
    manifests: z.array(z.object({ path: text, isOutput: z.literal(true).optional() })).max(100_000),
    notices: z.array(problem).max(100),
  }),
  z.object({ kind: z.literal("invalid"), problems: z.array(problem).min(1).max(100) }),
]);
export type ResultHeader = z.infer<typeof resultHeader>;

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

export function* jobFrames(job: RenderJob, call: { version: string; fairnessKey: string }): Generator<Uint8Array> {
  yield json({
    ...call,
    request: job.request,
    files: job.files.map(({ source, path, oid, mode }) => ({ source, path, oid, mode })),
    hasChart: job.chart !== null,
    limits: job.limits,
  });
  for (const { bytes } of job.files) yield bytes;
  if (job.chart !== null) yield job.chart;
}

export function* resultFrames(result: RenderResult): Generator<Uint8Array> {
  if (result.kind === "invalid") return yield json(result);
  const manifests = result.manifests.map(({ path, isOutput }) => ({ path, ...(isOutput ? { isOutput } : {}) }));
  yield json({ kind: "rendered", manifests, notices: result.notices });
  for (const { bytes } of result.manifests) yield bytes;
}
