import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createWorkerBundleOpener } from "@muster/agent/adapters/bundle/worker-bundle-opener.ts";
import type { OpenedBundle } from "@muster/agent/ports/bundle-opener.ts";
import { createAppRenderer } from "@muster/hub/create-app-renderer.ts";
import { directoryOf } from "@muster/hub/flows/render/render-variant.ts";
import { BUNDLE_BYTES_CEILING } from "@muster/hub/ports/bundler.ts";
import { isAppError } from "@muster/shared/errors.ts";
import { type AppDefinition, appDefinition } from "@muster/shared/model/definitions/app.ts";
import { type SourceDefinition, sourceDefinition } from "@muster/shared/model/definitions/source.ts";
import { digest } from "@muster/shared/model/ids.ts";
import { EXIT, Failure } from "../failure.ts";
import { type Problem, problemText } from "../output/problem-text.ts";
import { type UpRequest, upDefinitions } from "./up-definitions.ts";

export interface RenderedOnce {
  readonly commit: string;
  readonly subject: string;
  readonly bundle: OpenedBundle;
  /** Worth knowing, and no reason to stop. */
  readonly notices: readonly Problem[];
}

/**
 * Fetches and renders a repository as the hub will, before there is a hub: for showing what would happen.
 * @throws Failure with every problem's file and line.
 */
export async function renderOnce(
  request: UpRequest,
  opts: { folder: string; signal: AbortSignal },
): Promise<RenderedOnce> {
  const directory = join(opts.folder, `preview-${randomUUID()}`);
  const renderer = await createAppRenderer({ directory, credentialsDirectory: null });
  const opener = createWorkerBundleOpener();
  try {
    const { source, app } = definitionsOf(request);
    const { tree, revision: commit, subject } = await renderer.fetch(source, opts);
    if ((await tree.entry(directoryOf(app.spec.source)))?.mode !== "directory") {
      const message = `There is no folder "${request.path}" in ${request.repository} at ${commit.slice(0, 7)}.`;
      throw new Failure(EXIT.failed, message, { fix: "Name the folder that is to be deployed with --path." });
    }
    const rendered = await renderer.render(
      // What the Project "default" is limited to is nothing, in a hub that begins with this.
      { app, cluster: null, trees: new Map([["", tree]]), rules: null, sources: [source] },
      opts,
    );
    if (rendered.kind === "needs-cluster") throw new Error("an App without overrides differs from cluster to cluster");
    if (rendered.kind === "invalid") throw refused(request, commit, rendered.problems);
    const bundle = await opener.open(rendered.bundle, {
      digest: digest.parse(rendered.digest),
      owner: { hash: "preview", app: { project: app.metadata.project, name: app.metadata.name } },
      bytesMax: BUNDLE_BYTES_CEILING,
    });
    return { commit, subject, bundle, notices: rendered.notices };
  } catch (error) {
    if (isAppError(error)) throw new Failure(EXIT.failed, error.message, { fix: error.fix, cause: error });
    throw error;
  } finally {
    await opener.close();
    await renderer.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The very definitions that the hub will be given. */
function definitionsOf(request: UpRequest): { source: SourceDefinition; app: AppDefinition } {
  const [source, app] = upDefinitions(request, ["preview"]);
  const parsed = { source: sourceDefinition.safeParse(source), app: appDefinition.safeParse(app) };
  const error = parsed.source.error ?? parsed.app.error;
  if (parsed.source.data === undefined || parsed.app.data === undefined) {
    throw new Failure(EXIT.usage, `${error?.issues[0]?.path.join(".")}: ${error?.issues[0]?.message}.`);
  }
  return { source: parsed.source.data, app: parsed.app.data };
}

function refused({ repository }: UpRequest, commit: string, problems: readonly Problem[]): Failure {
  const told = problems.map((problem) => problemText({ ...problem, where: { ...problem.where, commit } })).join("\n");
  return new Failure(EXIT.failed, `${repository} cannot be deployed as it is:\n${told}`);
}
