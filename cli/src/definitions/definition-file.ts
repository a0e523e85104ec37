import { formatPath, parseDefinition } from "@muster/shared/model/parse-definition.ts";
import { type Document, isMap, isNode, isSeq, LineCounter, parseAllDocuments } from "yaml";

/** A definition as it was written, and the way from a field back to its line. */
export interface WrittenDefinition {
  readonly value: unknown;
  /** `App storefront/shop`, as far as it can be told. */
  readonly title: string;
  readonly file: string;
  /** 1-based line of the field at `path`, or of the nearest place above it. */
  lineOf(path: readonly (string | number)[]): number;
}

/** One thing that is wrong with a file. `line` is 1-based. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** A file of definitions may repeat itself by alias, within reason: an alias bomb is refused. */
const ALIASES_MAX = 100;

/** Reads the YAML (or JSON) documents of one file. Documents that are empty are skipped. */
export function readDefinitionFile(
  file: string,
  text: string,
): { definitions: readonly WrittenDefinition[]; problems: readonly FileProblem[] } {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const definitions: WrittenDefinition[] = [];
  const problems: FileProblem[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
    const [error] = document.errors;
    if (error !== undefined) {
      problems.push({ file, line: lineAt(error.pos[0]), message: sentence(error.message) });
      continue;
    }
    const read = readValue(document);
    if (typeof read.failure === "string") {
      problems.push({ file, line: lineAt(document.range[0]), message: read.failure });
      continue;
    }
    if (read.value === null || read.value === undefined) continue;
    const value = withoutStatus(read.value);
    const written: WrittenDefinition = {
      value,
      title: titleOf(value),
      file,
      lineOf: (path) => lineAt(offsetOf(document, path)),
    };
    definitions.push(written);
    const parsed = parseDefinition(value);
    if (parsed.kind === "invalid") {
      for (const problem of parsed.problems) {
        problems.push({ file, line: written.lineOf(problem.path), message: problem.message });
      }
    }
  }
  return { definitions, problems };
}

/** Points the hub's own refusal at a line, when its field says which definition is meant (`definitions[2].spec…`). */
export function locateField(definitions: readonly WrittenDefinition[], field: string): FileProblem | null {
  const [, index, rest = ""] = /^definitions\[(\d+)\]\.?(.*)$/.exec(field) ?? [];
  const definition = index === undefined ? undefined : definitions[Number(index)];
  if (definition === undefined) return null;
  const path = rest
    .split(/[.[\]]+/)
    .filter((step) => step !== "")
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  return { file: definition.file, line: definition.lineOf(path), message: formatPath(path) };
}

function readValue(
  document: Document,
): { value: unknown; failure?: undefined } | { failure: string; value?: undefined } {
  try {
    return { value: document.toJS({ maxAliasCount: ALIASES_MAX }) };
  } catch (error) {
    return { failure: sentence((error as Error).message) };
  }
}

/** What `muster get -o yaml` prints can be applied again: its status is what the hub says, not what a person wants. */
function withoutStatus(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("status" in value)) return value;
  const { status: _, ...definition } = value;
  return definition;
}

function titleOf(value: unknown): string {
  const { kind, metadata } = (typeof value === "object" && value !== null ? value : {}) as {
    kind?: unknown;
    metadata?: { name?: unknown; project?: unknown };
  };
  const scope = kind === "Cluster" ? "" : `${String(metadata?.project ?? "default")}/`;
  return `${String(kind ?? "document")} ${scope}${String(metadata?.name ?? "without a name")}`;
}

function offsetOf(document: Document, path: readonly (string | number)[]): number {
  let offset = isNode(document.contents) ? (document.contents.range?.[0] ?? 0) : 0;
  let current: unknown = document.contents;
  for (const step of path) {
    if (isMap(current)) {
      const pair = current.items.find((item) => String(isNode(item.key) ? item.key : "") === String(step));
      if (pair === undefined) return offset;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      current = pair.value;
    } else if (isSeq(current)) {
      current = current.items[Number(step)];
      if (isNode(current)) offset = current.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
