import type { YamlPath } from "@muster/shared/manifest/read-yaml.ts";
import { isRecord, recordsIn, textsIn } from "../read-config-file.ts";

/** A path that kustomize reads when it meets this field. */
export interface FileReference {
  readonly written: string;
  readonly at: YamlPath;
  /**
   * `file`: a file. `base`: a file of manifests, or a directory with a kustomization. `directory`: only the latter.
   * `plugins`: as `base`, but what it holds are configurations of generators and transformers, which name files too.
   */
  readonly kind: "file" | "base" | "directory" | "plugins";
}

/** Configurations that stand in the kustomization itself. */
export interface InlinePlugins {
  readonly text: string;
  readonly at: YamlPath;
}

type Fields = Readonly<Record<string, unknown>>;

const LISTS: readonly (readonly [field: string, kind: FileReference["kind"]])[] = [
  ["resources", "base"],
  ["bases", "base"],
  ["components", "directory"],
  ["crds", "file"],
  ["configurations", "file"],
  ["patchesStrategicMerge", "file"],
  ["generators", "plugins"],
  ["transformers", "plugins"],
  ["validators", "plugins"],
];
const PLUGIN_FIELDS = new Set(["generators", "transformers", "validators"]);
const WITH_PATH = ["patches", "patchesJson6902", "replacements"];

/** Every file and directory that a kustomization names (kustomize 5: all fields of its types that it loads). */
export function referencesOf(kustomization: Fields): {
  readonly references: readonly FileReference[];
  readonly inline: readonly InlinePlugins[];
} {
  const references: FileReference[] = [];
  const inline: InlinePlugins[] = [];
  for (const [field, kind] of LISTS) {
    for (const { text, at } of textsIn(kustomization[field], [field])) {
      if (!isInline(field, text)) references.push({ written: text, at, kind });
      else if (PLUGIN_FIELDS.has(field)) inline.push({ text, at });
    }
  }
  for (const field of WITH_PATH) {
    for (const { record, at } of recordsIn(kustomization[field], [field]))
      references.push(...pathOf(record, "path", at));
  }
  for (const field of ["configMapGenerator", "secretGenerator"]) {
    for (const { record, at } of recordsIn(kustomization[field], [field])) references.push(...pairsOf(record, at));
  }
  if (isRecord(kustomization.openapi)) references.push(...pathOf(kustomization.openapi, "path", ["openapi"]));
  return { references, inline };
}

/** Those that the configuration of a built-in generator or transformer names. */
export function referencesOfPlugin(config: Fields): readonly FileReference[] {
  const references = [...pairsOf(config, []), ...pathOf(config, "path", []), ...pathOf(config, "targetFilePath", [])];
  for (const { text, at } of textsIn(config.paths, ["paths"])) {
    if (!text.includes("\n")) references.push({ written: text, at, kind: "file" });
  }
  for (const { record, at } of recordsIn(config.replacements, ["replacements"])) {
    references.push(...pathOf(record, "path", at));
  }
  return references;
}

/** In these fields, text of several lines is the thing itself and no path. */
const isInline = (field: string, text: string): boolean =>
  text.includes("\n") && (field === "patchesStrategicMerge" || PLUGIN_FIELDS.has(field));

function pathOf(record: Fields, field: string, at: YamlPath): readonly FileReference[] {
  const written = record[field];
  return typeof written === "string" && written !== "" ? [{ written, at: [...at, field], kind: "file" }] : [];
}

/** `files: [name=path, path]`, `envs: [path]`, `env: path`. */
function pairsOf(record: Fields, at: YamlPath): readonly FileReference[] {
  const files = textsIn(record.files, [...at, "files"]).map(
    ({ text, at }): FileReference => ({ written: text.slice(text.indexOf("=") + 1), at, kind: "file" }),
  );
  const envs = textsIn(record.envs, [...at, "envs"]).map(
    ({ text, at }): FileReference => ({ written: text, at, kind: "file" }),
  );
  return [...files, ...envs, ...pathOf(record, "env", at)];
}
