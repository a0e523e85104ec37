import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createWorkerBundleOpener } from "@muster/agent/adapters/bundle/worker-bundle-opener.ts";
import type { OpenedBundle } from "@muster/agent/ports/bundle-opener.ts";
import { createWorkerBundler } from "@muster/hub/adapters/bundle/worker-bundler.ts";
import { openGit } from "@muster/hub/adapters/git/open.ts";
import { judgeFiles, placeProblems } from "@muster/hub/core/judge-files.ts";
import { BUNDLE_LIMITS } from "@muster/hub/ports/bundler.ts";
import { plainRemote } from "@muster/hub/ports/git-source.ts";
import { isAppError } from "@muster/shared/errors.ts";
import { EXIT, Failure } from "../failure.ts";
import { type Problem, problemText } from "../output/problem-text.ts";
import type { UpRequest } from "./up-definitions.ts";

const FILES_MAX = 5_000;
const FILE_BYTES_MAX = 64 * 1024 * 1024;

export interface RenderedOnce {
  readonly commit: string;
  readonly subject: string;
  readonly bundle: OpenedBundle;
}

/**
 * Fetches and renders a repository as the hub would, before there is a hub: for showing what would happen.
 * @throws Failure with every problem's file and line.
 */
export async function renderOnce(
  request: UpRequest,
  opts: { folder: string; signal: AbortSignal },
): Promise<RenderedOnce> {
  const directory = join(opts.folder, `preview-${randomUUID()}`);
  const { git } = await openGit({ engine: "auto", directory });
  const bundler = createWorkerBundler({ workers: 1 });
  const opener = createWorkerBundleOpener();
  try {
    const repository = plainRemote(request.repository);
    const wanted = [{ ref: { branch: request.branch }, knownHead: null }];
    const [result] = await git.fetch(repository, { wanted, signal: opts.signal });
    if (result?.kind !== "found") throw new Failure(EXIT.failed, `${result?.reason}.`, { fix: result?.fix });
    const { commit } = result;
    const tree = await git.treeOf(repository, commit.id, request.path);
    if (tree === null) {
      throw new Failure(
        EXIT.failed,
        `There is no folder "${request.path}" in ${request.repository} at ${commit.id.slice(0, 7)}.`,
        {
          fix: "Name the folder that holds the manifests with --path.",
        },
      );
    }
    const place = { repository: request.repository, commit: commit.id, path: request.path };
    const judged = judgeFiles(await git.listFiles(repository, tree, { filesMax: FILES_MAX }), BUNDLE_LIMITS);
    if (judged.problems.length > 0) throw refused(request, placeProblems(judged.problems, place));
    const files = judged.manifests;
    const contents = await git.readFiles(
      repository,
      files.map(({ oid }) => oid),
      { bytesMax: FILE_BYTES_MAX },
    );
    const input = files.flatMap(({ path }, index) => {
      const bytes = contents[index];
      return bytes === undefined ? [] : [{ path, bytes }];
    });
    const rendered = await bundler.bundle({ files: input, limits: BUNDLE_LIMITS }, { signal: opts.signal });
    if (rendered.kind === "invalid") throw refused(request, placeProblems(rendered.problems, place));
    const app = { project: "default", name: request.name };
    const { digest, compressed } = rendered.bundle;
    const bytesMax = BUNDLE_LIMITS.bundleBytesMax;
    const bundle = await opener.open(compressed, { digest, owner: { hash: "preview", app }, bytesMax });
    return { commit: commit.id, subject: commit.subject, bundle };
  } catch (error) {
    if (isAppError(error)) throw new Failure(EXIT.failed, error.message, { fix: error.fix, cause: error });
    throw error;
  } finally {
    await opener.close();
    await bundler.close();
    await git.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function refused({ repository }: UpRequest, problems: readonly Problem[]): Failure {
  const told = problems.map((problem) => problemText(problem)).join("\n");
  return new Failure(EXIT.failed, `${repository} cannot be deployed as it is:\n${told}`);
}
