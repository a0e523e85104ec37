import { setImmediate as breathe } from "node:timers/promises";
import { isAppError } from "@muster/shared/errors.ts";
import { matchesAny } from "@muster/shared/glob.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { RENDER_LIMITS, type RenderRequest, type TraceResult } from "../../../ports/renderer.ts";
import type { SourceTree, TreeEntry } from "../../../ports/source-tree.ts";
import { readConfigFile } from "../read-config-file.ts";
import { joinPath, type Place, pathMissing, pathOutside, quote, resolvePath, TracePaths } from "../trace-paths.ts";
import { CHART_DEPTH_MAX, CHARTS_MAX, chartsOf, localDependencies } from "./chart-dependencies.ts";

/**
 * What rendering a chart reads: all of the chart's directory (templates list it, `.Files` reads it, `.helmignore` takes
 * from it), charts of this repository that it depends on, and the values files.
 */
export async function traceChart(request: RenderRequest, trees: ReadonlyMap<string, SourceTree>): Promise<TraceResult> {
  const { path, options } = request;
  if (options.kind !== "helm") throw new Error(`a request for ${options.kind} came to the helm renderer`);
  const paths = new TracePaths(trees);
  if (options.chart === null) await addChart(paths, { path, place: { path }, stack: [], visits: { count: 0 } });
  for (const { source, path: written, isOptional } of options.valuesFiles) {
    const place: Place = { path };
    const resolved = resolvePath(source === "" ? path : "", written);
    if (resolved === null) {
      paths.refuse(pathOutside(written, place));
      continue;
    }
    const before = paths.problems.length;
    const entry = await paths.find(source, resolved, place);
    if (entry !== null && entry.mode !== "directory") paths.addFile(source, entry);
    else if ((entry !== null || !isOptional) && paths.problems.length === before) {
      const message =
        entry === null
          ? `the values file ${quote(resolved)} is not there${source === "" ? "" : `, in the Source ${source}`}.`
          : `the values file ${quote(resolved)} is a directory.`;
      const fix = "Correct the App's render.helm.values, add the file, or say optional: true there.";
      paths.refuse({ code: "PathNotFound", message, where: { path: resolved }, fix });
    }
  }
  return paths.result();
}

interface ChartVisit {
  readonly path: string;
  readonly place: Place;
  readonly stack: readonly string[];
  /** Of all charts of this render. */
  readonly visits: { count: number };
}

async function addChart(paths: TracePaths, { path, place, stack, visits }: ChartVisit): Promise<void> {
  // Charts that each depend on several others would be endlessly many: nothing more is read once one is refused.
  if (paths.problems.length > 0) return;
  visits.count += 1;
  if (visits.count > CHARTS_MAX) {
    const message = `the charts that this one depends on are, each time counted, more than ${CHARTS_MAX}.`;
    return paths.refuse({ code: "RenderFailed", message, where: { ...place }, fix: "Depend on fewer charts." });
  }
  const tree = paths.tree("");
  const before = paths.problems.length;
  const [directory, chartFile] = [
    await paths.find("", path, place),
    await paths.find("", joinPath(path, "Chart.yaml"), place),
  ];
  if (paths.problems.length > before) return;
  if (directory === null || directory.mode !== "directory") return paths.refuse(pathMissing(path || ".", path, place));
  if (chartFile === null || chartFile.mode === "directory") {
    const message = `${quote(path || ".")} is to be rendered by Helm, and holds no Chart.yaml.`;
    const fix = "Correct the path, or say which renderer is meant: render.plain or render.kustomize.";
    return paths.refuse({ code: "PathNotFound", message, where: { ...place }, fix });
  }
  paths.addDirectory("", directory);
  if (!(await addFilesBelow(paths, tree, path))) return;

  const [document] = (await readConfigFile(paths, tree, chartFile)) ?? [];
  const charts = await tree.list(joinPath(path, "charts"));
  const inCharts = chartsOf(
    path,
    charts.map((entry) => entry.path),
  );
  for (const { written, at } of localDependencies(document?.value, inCharts)) {
    const from: Place = { path: chartFile.path, ...(document === undefined ? {} : { line: document.lineOf(at) }) };
    const resolved = resolvePath(path, written);
    if (resolved === null) paths.refuse(pathOutside(written, from));
    else if (stack.includes(resolved) || resolved === path || stack.length >= CHART_DEPTH_MAX) {
      const message = `charts depend on one another in a circle, or more than ${CHART_DEPTH_MAX} deep.`;
      paths.refuse({ code: "RenderFailed", message, where: { ...from }, fix: "Take one of the dependencies out." });
    } else await addChart(paths, { path: resolved, place: from, stack: [...stack, path], visits });
  }
}

/** False, and told, when something in it forbids rendering. */
async function addFilesBelow(paths: TracePaths, tree: SourceTree, path: string): Promise<boolean> {
  const before = paths.problems.length;
  try {
    const isIgnored = await readIgnored(tree, path);
    let links = 0;
    for (const file of await tree.walk(path, { filesMax: RENDER_LIMITS.filesMax })) {
      if (file.mode === "file" || file.mode === "executable") paths.addFile("", file);
      else {
        links += 1;
        if (links % BURST === 0) await breathe();
        // A link that Helm would not read either does no harm: LICENSE is often one.
        if (!isIgnored(path === "" ? file.path : file.path.slice(path.length + 1))) paths.refuse(notAFile(file));
      }
    }
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    paths.refuse({
      code: "FileTooLarge",
      message: `the chart ${quote(path || ".")} holds more than ${RENDER_LIMITS.filesMax} files.`,
      where: { path },
      fix: "Keep what is no part of the chart outside of its directory.",
    });
  }
  return paths.problems.length === before;
}

const notAFile = ({ mode, path }: TreeEntry): Problem =>
  mode === "symlink"
    ? {
        code: "SymlinkRefused",
        message: `${path} is a symbolic link; links are not followed.`,
        where: { path },
        fix: "Put the file itself there, or name it in the chart's .helmignore.",
      }
    : {
        code: "SubmoduleRefused",
        message: `${path} is a submodule; its files are in another repository.`,
        where: { path },
        fix: "Take the chart from where it is published, or track that repository as a Source of its own.",
      };

const IGNORE_BYTES_MAX = 64 * 1_024;
const IGNORE_PATTERNS_MAX = 512;
/** Links that they are tried on before others get a turn. */
const BURST = 50;

/** What .helmignore names, as far as that is beyond doubt: with exceptions (`!`) in it, or very many lines, nothing is. */
async function readIgnored(tree: SourceTree, path: string): Promise<(file: string) => boolean> {
  const entry = await tree.entry(joinPath(path, ".helmignore"));
  if (entry === null || entry.mode === "directory" || entry.mode === "symlink") return () => false;
  const [bytes] = await tree.read([entry.oid], { bytesMax: IGNORE_BYTES_MAX });
  const patterns = new TextDecoder()
    .decode(bytes)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const isDoubtful = patterns.some((pattern) => pattern.startsWith("!")) || patterns.length > IGNORE_PATTERNS_MAX;
  return isDoubtful ? () => false : matchesAny(patterns);
}
