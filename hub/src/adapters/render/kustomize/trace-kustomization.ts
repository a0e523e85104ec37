import type { YamlPath } from "@muster/shared/manifest/read-yaml.ts";
import type { RenderRequest, TraceResult } from "../../../ports/renderer.ts";
import type { SourceTree, TreeEntry } from "../../../ports/source-tree.ts";
import { type ConfigDocument, isRecord, readConfigFile, readConfigText } from "../read-config-file.ts";
import { joinPath, type Place, pathMissing, pathOutside, quote, resolvePath, TracePaths } from "../trace-paths.ts";
import { type FileReference, referencesOf, referencesOfPlugin } from "./file-references.ts";
import { needsHelm, pluginRefused, remoteHostOf, remoteRefused } from "./refusals.ts";

export const KUSTOMIZATION_NAMES = ["kustomization.yaml", "kustomization.yml", "Kustomization"] as const;

const DEPTH_MAX = 64;
const KUSTOMIZATIONS_MAX = 1_000;

/** What `kustomize build` of a directory would read, found by reading the kustomizations themselves. */
export async function traceKustomization(
  request: RenderRequest,
  trees: ReadonlyMap<string, SourceTree>,
): Promise<TraceResult> {
  const { path, options } = request;
  if (options.kind !== "kustomize") throw new Error(`a request for ${options.kind} came to the kustomize renderer`);
  const paths = new TracePaths(trees);
  await new Tracer(paths, options.remoteHosts).visit({
    path,
    stack: [],
    place: { path },
    isPlugins: false,
    base: path,
  });
  return paths.result();
}

interface Visit {
  /** A directory. */
  readonly path: string;
  /** Directories that led here. */
  readonly stack: readonly string[];
  readonly place: Place;
  /** Its resources are configurations of generators and transformers, whose paths count from `base`. */
  readonly isPlugins: boolean;
  readonly base: string;
}

class Tracer {
  readonly #paths: TracePaths;
  readonly #tree: SourceTree;
  readonly #remoteHosts: readonly string[];
  readonly #visited = new Set<string>();

  constructor(paths: TracePaths, remoteHosts: readonly string[]) {
    this.#paths = paths;
    this.#tree = paths.tree("");
    this.#remoteHosts = remoteHosts;
  }

  async visit(visit: Visit): Promise<void> {
    const { path, stack, place, isPlugins, base } = visit;
    if (stack.includes(path)) return this.#refuseCycle([...stack, path], place);
    const key = isPlugins ? `${path}\0${base}` : path;
    if (this.#visited.has(key) || this.#paths.problems.length > 0) return;
    this.#visited.add(key);
    if (this.#visited.size > KUSTOMIZATIONS_MAX || stack.length > DEPTH_MAX) {
      const what = stack.length > DEPTH_MAX ? `${DEPTH_MAX} deep` : `more than ${KUSTOMIZATIONS_MAX}`;
      const message = `the kustomizations that this one is built of are ${what}.`;
      this.#paths.refuse({ code: "RenderFailed", message, where: { ...place }, fix: "Split it into several Apps." });
      return;
    }
    const file = await this.#findKustomization(path, place);
    if (file === null) return;
    const documents = await readConfigFile(this.#paths, this.#tree, file);
    if (documents === null) return;
    const [document] = documents.filter(({ value }) => value !== null);
    // An empty one, or one that is no mapping: kustomize says best what it lacks.
    if (document === undefined || !isRecord(document.value)) return;
    await this.#follow(visit, file.path, document, document.value);
  }

  async #follow(
    { path, stack, isPlugins, base }: Visit,
    file: string,
    document: ConfigDocument,
    fields: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const placeOf = (at: YamlPath): Place => ({ path: file, line: document.lineOf(at) });
    for (const field of ["helmCharts", "helmChartInflationGenerator"]) {
      if (field in fields) return this.#paths.refuse(needsHelm(field, placeOf([field])));
    }
    const { references, inline } = referencesOf(fields);
    for (const reference of references) {
      const place = placeOf(reference.at);
      const isPluginFile = reference.kind === "plugins" || (isPlugins && reference.kind === "base");
      const pluginBase = reference.kind === "plugins" ? path : base;
      const entry = await this.#resolve(reference, path, place);
      if (entry === null) continue;
      if (entry.mode === "directory") {
        const next = { path: entry.path, stack: [...stack, path], place, isPlugins: isPluginFile, base: pluginBase };
        await this.visit(next);
      } else if (isPluginFile) await this.#addPluginFile(entry, pluginBase);
    }
    for (const { text, at } of inline) {
      const place = placeOf(at);
      const documents = readConfigText(this.#paths, file, text, place.line);
      for (const each of documents ?? []) await this.#addPlugin(each, path, file);
    }
  }

  /** Finds what a reference names, and adds it when it is a file. */
  async #resolve(reference: FileReference, directory: string, place: Place): Promise<TreeEntry | null> {
    const { written, kind } = reference;
    const resolved = resolvePath(directory, written);
    const host = remoteHostOf(written);
    if (host !== null && (host.isCertain || resolved === null || (await this.#tree.entry(resolved)) === null)) {
      this.#paths.refuse(remoteRefused(written, host.name, this.#remoteHosts, place));
      return null;
    }
    if (resolved === null) {
      this.#paths.refuse(pathOutside(written, place));
      return null;
    }
    const before = this.#paths.problems.length;
    const entry = await this.#paths.find("", resolved, place);
    if (entry === null) {
      if (this.#paths.problems.length === before) this.#paths.refuse(pathMissing(written, resolved, place));
      return null;
    }
    const isDirectory = entry.mode === "directory";
    if (isDirectory ? kind === "file" : kind === "directory") {
      const message = `${quote(written)} is a ${isDirectory ? "directory, and a file" : "file, and a directory"} is needed here.`;
      this.#paths.refuse({ code: "RenderFailed", message, where: { ...place }, fix: "Correct the path." });
      return null;
    }
    if (!isDirectory) this.#paths.addFile("", entry);
    return entry;
  }

  async #findKustomization(path: string, place: Place): Promise<TreeEntry | null> {
    const before = this.#paths.problems.length;
    const found: TreeEntry[] = [];
    for (const name of KUSTOMIZATION_NAMES) {
      const entry = await this.#paths.find("", joinPath(path, name), place);
      if (entry !== null && entry.mode !== "directory") found.push(entry);
    }
    const [file, another] = found;
    if (this.#paths.problems.length > before) return null;
    if (file === undefined) {
      const message = `${quote(path || ".")} is to be built by kustomize, and holds no kustomization.yaml.`;
      const fix = "Add one, or correct the path that leads there.";
      this.#paths.refuse({ code: "PathNotFound", message, where: { ...place }, fix });
      return null;
    }
    if (another !== undefined) {
      const message = `${file.path} and ${another.path} are both there; kustomize takes one.`;
      this.#paths.refuse({ code: "RenderFailed", message, where: { path: another.path }, fix: "Delete one of them." });
      return null;
    }
    this.#paths.addFile("", file);
    return file;
  }

  async #addPluginFile(entry: TreeEntry, base: string): Promise<void> {
    const documents = await readConfigFile(this.#paths, this.#tree, entry);
    for (const document of documents ?? []) await this.#addPlugin(document, base, entry.path);
  }

  async #addPlugin(document: ConfigDocument, base: string, file: string): Promise<void> {
    const { value } = document;
    if (!isRecord(value)) return;
    const refused = pluginRefused(value, (at) => ({ path: file, line: document.lineOf(at) }));
    if (refused !== null) return this.#paths.refuse(refused);
    for (const reference of referencesOfPlugin(value)) {
      await this.#resolve(reference, base, { path: file, line: document.lineOf(reference.at) });
    }
  }

  #refuseCycle(stack: readonly string[], place: Place): void {
    const last = stack.at(-1) as string;
    const round = stack.slice(stack.indexOf(last)).map((path) => path || ".");
    this.#paths.refuse({
      code: "RenderFailed",
      message: `kustomizations lead round in a circle: ${round.join(" → ").slice(0, 1_000)}.`,
      where: { ...place },
      fix: "Take one of these references out.",
    });
  }
}
