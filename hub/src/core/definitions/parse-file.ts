import { readYaml, type YamlDocument } from "@muster/shared/manifest/read-yaml.ts";
import { YAML_LIMITS, type YamlLimits } from "@muster/shared/manifest/yaml-limits.ts";
import type { Definition } from "@muster/shared/model/definitions.ts";
import { formatPath, parseDefinition } from "@muster/shared/model/parse-definition.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { titleOf } from "../documents/definition.ts";

/** A definition as it stands in a file of a Source. */
export interface WrittenDefinition {
  readonly definition: Definition;
  readonly path: string;
  /** 1-based, of the document. */
  readonly line: number;
  /** 1-based, in the file. */
  readonly document: number;
  /** 1-based lines of the fields that rules are about, by their dotted names. */
  readonly fieldLines: Readonly<Record<string, number>>;
}

export type ParsedDocument =
  | WrittenDefinition
  /** `key`: what it is of, as far as that can be told. */
  | { readonly problem: Problem; readonly key: string | null };

export const DEFINITION_LIMITS: YamlLimits = {
  ...YAML_LIMITS,
  fileBytesMax: 1024 * 1024,
  documentsMax: 2_000,
  nodesMax: 50_000,
  repairCharactersMax: 1024 * 1024,
};

/** Of one document; the rest is found when these are mended. */
const PROBLEMS_MAX = 10;

const RULED_FIELDS: readonly string[] = [
  "metadata.name",
  "metadata.project",
  "metadata.labels",
  "spec.git.url",
  "spec.git.ref",
  "spec.git.credentials",
  "spec.git.verify",
  "spec.oci.url",
  "spec.oci.ref",
  "spec.oci.credentials",
  "spec.definitions",
  "spec.definitions.path",
  "spec.definitions.fleet",
  "spec.destination.namespace",
  "spec.render.helm.chart.repository",
  "spec.takesOverFrom",
];

/** Every document of one file, one after the other, so that the caller can draw breath between them. */
export function* parseDefinitionFile(path: string, bytes: Uint8Array): Generator<readonly ParsedDocument[]> {
  if (bytes.length > DEFINITION_LIMITS.fileBytesMax) {
    const message = `the file has ${bytes.length} bytes; of definitions at most ${DEFINITION_LIMITS.fileBytesMax} are read.`;
    yield [{ problem: { code: "FileTooLarge", message, where: { path }, fix: "Split it." }, key: null }];
    return;
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const message = "the file is not text in UTF-8.";
    yield [{ problem: { code: "InvalidYaml", message, where: { path }, fix: "Save it as UTF-8." }, key: null }];
    return;
  }
  for (const document of readYaml(text, DEFINITION_LIMITS)) {
    if (document.kind === "document") {
      if (document.value !== null) yield parseDocument(path, document);
      continue;
    }
    const { code, message, fix, line, number } = document;
    const where = { path, line, document: number };
    yield [{ problem: { code, message, where, ...(fix === undefined ? {} : { fix }) }, key: null }];
  }
}

function parseDocument(path: string, document: YamlDocument): readonly ParsedDocument[] {
  const { value, number } = document;
  const lineOf = (field: readonly (string | number)[]): number => document.lineOf(value, field);
  const parsed = parseDefinition(withoutStatus(value));
  if (parsed.kind === "invalid") {
    const { title, key } = nameOfBroken(value);
    return parsed.problems.slice(0, PROBLEMS_MAX).map((problem) => {
      const field = formatPath(problem.path);
      const where = { path, line: lineOf(problem.path), document: number, ...(field === "" ? {} : { field }) };
      return { problem: { code: problem.code, message: `${title}: ${problem.message}`.slice(0, 2_000), where }, key };
    });
  }
  const root = lineOf([]);
  const fieldLines: Record<string, number> = {};
  for (const field of RULED_FIELDS) {
    const line = lineOf(field.split("."));
    if (line !== root) fieldLines[field] = line;
  }
  return [{ definition: parsed.definition, path, line: root, document: number, fieldLines }];
}

/** What `muster get -o yaml` prints may be committed as it is: its status is what the hub says. */
function withoutStatus(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("status" in value)) return value;
  const { status: _, ...definition } = value;
  return definition;
}

function nameOfBroken(value: unknown): { title: string; key: string | null } {
  const { kind, metadata } = (typeof value === "object" && value !== null ? value : {}) as {
    kind?: unknown;
    metadata?: { name?: unknown; project?: unknown } | null;
  };
  if (typeof kind !== "string") return { title: "document", key: null };
  const { name, project } = metadata ?? {};
  const scope = typeof project === "string" ? `${project}/` : "";
  const isScoped = kind !== "Project" && kind !== "Cluster";
  const place = isScoped ? `${typeof project === "string" ? project : "default"}/${String(name)}` : String(name);
  return {
    title: `${kind} ${scope}${String(name ?? "without a name")}`.slice(0, 200),
    key: typeof name === "string" ? `${kind.toLowerCase()}/${place}` : null,
  };
}

/** A problem with one definition, told with its place: `line` is that of the field, where it is written. */
export function problemAt(
  { definition, path, line, document, fieldLines }: WrittenDefinition,
  { code, message, field, fix }: { code: Problem["code"]; message: string; field?: string; fix?: string },
): Problem {
  const at = field === undefined ? line : (fieldLines[field] ?? line);
  return {
    code,
    message: `${titleOf(definition)}: ${message}`.slice(0, 2_000),
    where: { path, line: at, document, ...(field === undefined ? {} : { field }) },
    ...(fix === undefined ? {} : { fix: fix.slice(0, 1_000) }),
  };
}
