import { assertNever } from "@muster/shared/errors.ts";
import type { RenderCallOptions, Renderer, RenderJob, RenderResult } from "../../../ports/renderer.ts";
import { describeConfinement } from "../confinement.ts";
import { overLimit } from "../over-limit.ts";
import type { Sandbox } from "../sandbox.ts";
import { filesOf, treeFolder } from "../sandbox-files.ts";
import type { Tool } from "../tool.ts";
import { joinPath } from "../trace-paths.ts";
import { explainKustomize } from "./explain-kustomize.ts";
import { KUSTOMIZATION_NAMES, traceKustomization } from "./trace-kustomization.ts";

/** Raised whenever the same kustomize could be run in another way. */
const REVISION = 1;

export interface KustomizeOptions {
  readonly sandbox: Sandbox;
  readonly tool: Tool;
}

/** `kustomize build`, one process each, on the files that the kustomizations name and no others. */
export function createKustomizeRenderer({ sandbox, tool }: KustomizeOptions): Renderer {
  return {
    kind: "kustomize",
    version: `kustomize ${tool.version} (${REVISION})`,
    isolation: describeConfinement(tool.confinement),
    prepare: () => {},
    trace: traceKustomization,
    render: (job, opts) => render(sandbox, tool, job, opts),
    close: async () => {},
  };
}

async function render(sandbox: Sandbox, tool: Tool, job: RenderJob, opts: RenderCallOptions): Promise<RenderResult> {
  const { path } = job.request;
  const own = new Set(job.files.filter(({ source }) => source === "").map((file) => file.path));
  const kustomization = KUSTOMIZATION_NAMES.map((name) => joinPath(path, name)).find((name) => own.has(name)) ?? path;
  const end = await sandbox.run(
    {
      tool,
      // Files beside and above are read by name only, and all that is there is what the kustomizations name.
      args: ["build", "--load-restrictor=LoadRestrictionsNone", "."],
      files: filesOf(job),
      workingDirectory: joinPath(treeFolder(""), path),
      limits: job.limits,
    },
    opts,
  );
  switch (end.kind) {
    case "done":
      return {
        kind: "rendered",
        manifests: [{ path: kustomization, bytes: end.output, isOutput: true }],
        notices: [],
      };
    case "refused":
      return { kind: "invalid", problems: [explainKustomize(end.errors, { kustomization, paths: own })] };
    case "over-limit": {
      const told = {
        what: "building this kustomization",
        hint: "a patch, a replacement or an alias (*) in YAML",
        path: kustomization,
      };
      return { kind: "invalid", problems: [overLimit(end.limit, job.limits, told)] };
    }
    default:
      return assertNever(end);
  }
}
