import { setImmediate as breathe } from "node:timers/promises";
import { isAppError } from "@muster/shared/errors.ts";
import { matchesAny, parseGlob } from "@muster/shared/glob.ts";
import { judgeFiles } from "../../../core/judge-files.ts";
import { BUNDLE_LIMITS } from "../../../ports/bundler.ts";
import {
  RENDER_LIMITS,
  type Renderer,
  type RenderRequest,
  type RenderResult,
  type TraceResult,
} from "../../../ports/renderer.ts";
import type { SourceTree } from "../../../ports/source-tree.ts";
import { joinPath, pathMissing, quote, TracePaths } from "../trace-paths.ts";

/** Raised whenever equal files and options may give another choice of files. */
const VERSION = "plain 1";

/** Of all patterns of an App. */
const ALTERNATIVES_MAX = 512;
/** Files that patterns are tried on at once. */
const BURST = 50;

/** Manifests as they stand in Git. What to read is all there is to find out, so nothing is run. */
export function createPlainRenderer(): Renderer {
  return {
    kind: "plain",
    version: VERSION,
    isolation: "nothing is run: files are read as data, in a worker thread",
    prepare: () => {},
    trace,
    render: async (job): Promise<RenderResult> => ({
      kind: "rendered",
      manifests: job.files.map(({ path, bytes }) => ({ path, bytes })),
      notices: [],
    }),
    close: async () => {},
  };
}

async function trace(request: RenderRequest, trees: ReadonlyMap<string, SourceTree>): Promise<TraceResult> {
  const { path, options } = request;
  if (options.kind !== "plain") throw new Error(`a request for ${options.kind} came to the plain renderer`);
  const paths = new TracePaths(trees);
  const root = await paths.find("", path, { path });
  if (root === null || root.mode !== "directory") {
    if (paths.problems.length === 0) paths.refuse(pathMissing(path || ".", path, { path }));
    return paths.result();
  }
  paths.addDirectory("", root);
  const globs = [...options.include, ...options.exclude].map((pattern) => ({ pattern, glob: parseGlob(pattern) }));
  const unreadable = globs.find(({ glob }) => glob === null)?.pattern;
  const alternatives = globs.reduce((sum, { glob }) => sum + (glob?.alternatives ?? 0), 0);
  if (unreadable !== undefined || alternatives > ALTERNATIVES_MAX) {
    const message =
      unreadable === undefined
        ? `include and exclude have ${alternatives} alternatives together; at most ${ALTERNATIVES_MAX} are tried.`
        : `the pattern ${quote(unreadable)} has too many alternatives.`;
    const fix = unreadable === undefined ? "Say it in fewer patterns." : "Say it in several patterns.";
    paths.refuse({ code: "InvalidField", message, where: { path }, fix });
    return paths.result();
  }

  const listed = await listFiles(paths, path);
  if (listed === null) return paths.result();
  const wanted = await chooseFiles(listed, path, options);
  const { manifests, problems } = judgeFiles(wanted, BUNDLE_LIMITS);
  for (const problem of problems) {
    paths.refuse({ ...problem, where: { ...problem.where, path: joinPath(path, problem.where.path ?? "") } });
  }
  for (const file of manifests) paths.addFile("", { ...file, path: joinPath(path, file.path) });
  return paths.result();
}

/** Patterns are tried on every file: others get a turn in between. */
async function chooseFiles(
  listed: readonly ListedFile[],
  path: string,
  { include, exclude, recurse }: Extract<RenderRequest["options"], { kind: "plain" }>,
): Promise<readonly ListedFile[]> {
  const isIncluded = include.length === 0 ? () => true : matchesAny(include);
  const isExcluded = matchesAny(exclude);
  const prefix = path === "" ? 0 : path.length + 1;
  const wanted: ListedFile[] = [];
  for (const [index, listedFile] of listed.entries()) {
    if (index % BURST === BURST - 1) await breathe();
    const file = { ...listedFile, path: listedFile.path.slice(prefix) };
    if (!recurse && file.path.includes("/")) continue;
    if (isIncluded(file.path) && !isExcluded(file.path)) wanted.push(file);
  }
  return wanted;
}

type ListedFile = Parameters<typeof judgeFiles>[0][number];

async function listFiles(paths: TracePaths, path: string): Promise<readonly ListedFile[] | null> {
  try {
    const walked = await paths.tree("").walk(path, { filesMax: RENDER_LIMITS.filesMax });
    return walked.flatMap((file) => (file.mode === "directory" ? [] : [{ ...file, mode: file.mode }]));
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    paths.refuse({
      code: "FileTooLarge",
      message: `the directory ${quote(path || ".")} holds more than ${RENDER_LIMITS.filesMax} files.`,
      where: { path },
      fix: "Point the App at a directory below it, or split it into several Apps.",
    });
    return null;
  }
}
