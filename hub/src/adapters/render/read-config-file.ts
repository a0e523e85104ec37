import { isAppError } from "@muster/shared/errors.ts";
import { readYaml, type YamlPath } from "@muster/shared/manifest/read-yaml.ts";
import { YAML_LIMITS, type YamlLimits } from "@muster/shared/manifest/yaml-limits.ts";
import type { SourceTree, TreeEntry } from "../../ports/source-tree.ts";
import type { TracePaths } from "./trace-paths.ts";

export interface ConfigDocument {
  readonly value: unknown;
  readonly lineOf: (path: YamlPath) => number;
}

/**
 * What people write about their manifests is small, and it is read on the main thread: a file that would keep that
 * thread busy is refused.
 */
const LIMITS: YamlLimits = {
  ...YAML_LIMITS,
  fileBytesMax: 256 * 1_024,
  documentsMax: 100,
  nodesMax: 20_000,
  aliasNodesMax: 2_000,
  aliasCharactersMax: 256 * 1_024,
  repairCharactersMax: 256 * 1_024,
};

/** The documents of a YAML file of a tree; null, and a problem noted, when it cannot be read. */
export async function readConfigFile(
  paths: TracePaths,
  tree: SourceTree,
  { oid, path }: TreeEntry,
): Promise<readonly ConfigDocument[] | null> {
  let text: string;
  try {
    const [bytes] = await tree.read([oid], { bytesMax: LIMITS.fileBytesMax });
    text = new TextDecoder().decode(bytes);
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    const message = `${path} has more than ${LIMITS.fileBytesMax / 1_024} KiB.`;
    paths.refuse({ code: "FileTooLarge", message, where: { path }, fix: "Split it, or take what is data out of it." });
    return null;
  }
  return readConfigText(paths, path, text);
}

/** The same of text that stands in a file, or inside another text of it: `line` is then where it does. */
export function readConfigText(
  paths: Pick<TracePaths, "refuse">,
  path: string,
  text: string,
  line?: number,
): readonly ConfigDocument[] | null {
  const documents: ConfigDocument[] = [];
  for (const document of readYaml(text, LIMITS)) {
    if (document.kind === "broken") {
      const where = { path, line: line ?? document.line };
      const fix = document.fix === undefined ? {} : { fix: document.fix };
      paths.refuse({ code: document.code, message: document.message, where, ...fix });
      return null;
    }
    const { value } = document;
    documents.push({ value, lineOf: (at) => line ?? document.lineOf(value, at) });
  }
  return documents;
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Of a field that should be a list of texts: those that are, with where they stand. What else is in it, the tool refuses. */
export function textsIn(value: unknown, at: YamlPath): readonly { readonly text: string; readonly at: YamlPath }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((text, index) => (typeof text === "string" ? [{ text, at: [...at, index] }] : []));
}

/** Of a field that should be a list of mappings. */
export function recordsIn(
  value: unknown,
  at: YamlPath,
): readonly { readonly record: Readonly<Record<string, unknown>>; readonly at: YamlPath }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((record, index) => (isRecord(record) ? [{ record, at: [...at, index] }] : []));
}
