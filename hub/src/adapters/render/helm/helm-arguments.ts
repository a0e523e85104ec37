import { AppError } from "@muster/shared/errors.ts";
import type { RenderJob } from "../../../ports/renderer.ts";
import type { SandboxFile } from "../sandbox-files.ts";
import { quote } from "../trace-paths.ts";

export type HelmOptions = Extract<RenderJob["request"]["options"], { kind: "helm" }>;

/** Of all `set` together: they go on a command line, which holds only so much. */
const SET_BYTES_MAX = 96 * 1_024;

/** Everything is named relative to a folder beside it, so that nothing that a tenant wrote is taken for an option. */
export const WORKING_DIRECTORY = "work";
export const CHART_DIRECTORY = "chart";
export const CHART_ARCHIVE = "chart.tgz";

export const valuesName = (index: number): string => `values/${index}.yaml`;
export const INLINE_VALUES = "values/inline.json";

/** A path as `helm --set` reads it: names with dots between, `\\` before a character that is meant as it is, `[0]`. */
const SET_KEY = /^(?:[^.[\]=,\\]|\\.)+(?:\[\d{1,5}\])*(?:\.(?:[^.[\]=,\\]|\\.)+(?:\[\d{1,5}\])*)*$/s;

/** @throws AppError "invalid" for a key of `set` that Helm would read otherwise, "too-large" when `set` does not fit. */
export function helmArguments(job: RenderJob, valuesFiles: number): readonly string[] {
  const { destination, capabilities } = job.request;
  const options = helmOptions(job);
  const names = [...Array.from({ length: valuesFiles }, (_, index) => valuesName(index)), INLINE_VALUES];
  const wrong = Object.keys(options.set).find((key) => !SET_KEY.test(key) || key.includes("\0"));
  if (wrong !== undefined) {
    throw new AppError("invalid", `render.helm.set has the key ${quote(wrong)}, which is no path of a value`, {
      fix: "Write it as for helm --set: names with dots between, list[0] for an entry, a\\.b for a dot that is part of a name.",
    });
  }
  const set = Object.entries(options.set).map(([key, value]) => `--set-json=${key}=${JSON.stringify(value)}`);
  if (set.reduce((sum, text) => sum + Buffer.byteLength(text), 0) > SET_BYTES_MAX) {
    throw new AppError("too-large", `render.helm.set has more than ${SET_BYTES_MAX / 1_024} KiB`, {
      fix: "Put what is large into valuesObject or a values file.",
    });
  }
  return [
    "template",
    `--namespace=${destination.namespace}`,
    `--kube-version=${fullVersion(capabilities.kubernetes)}`,
    ...capabilities.apiVersions.map((version) => `--api-versions=${version}`),
    ...(options.includeCrds ? ["--include-crds"] : []),
    ...(options.includeHooks ? [] : ["--no-hooks"]),
    // Nobody runs them here, and applied like others they would fail.
    "--skip-tests",
    ...names.map((name) => `--values=../${name}`),
    ...set,
    "--",
    options.releaseName,
    job.chart === null ? `../${CHART_DIRECTORY}` : `../${CHART_ARCHIVE}`,
  ];
}

export const inlineValues = ({ values }: HelmOptions): SandboxFile => ({
  path: INLINE_VALUES,
  bytes: Buffer.from(JSON.stringify(values)),
});

export function helmOptions(job: RenderJob): HelmOptions {
  const { options } = job.request;
  if (options.kind !== "helm") throw new Error(`a job for ${options.kind} came to the helm renderer`);
  return options;
}

/** `1.34` → `1.34.0`: charts compare it as a version of three parts. */
const fullVersion = (kubernetes: string): string => (/^v?\d+\.\d+$/.test(kubernetes) ? `${kubernetes}.0` : kubernetes);
