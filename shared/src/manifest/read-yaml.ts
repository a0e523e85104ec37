import { EVENT_ID, type Event, getScalarValue } from "js-yaml";
import { composeDocument, offsetOf } from "./compose-yaml.ts";
import { ParseFault, parseYaml } from "./parse-yaml.ts";
import { mayHaveVariables } from "./substitute.ts";
import { isLeftAlone, mayLeaveAlone, type Substitution, SubstitutionScope } from "./substitute-scalar.ts";
import { YamlFault, type YamlLimits } from "./yaml-limits.ts";

export type YamlPath = readonly (string | number)[];

export interface YamlDocument {
  readonly kind: "document";
  /** 1-based, in the file. */
  readonly number: number;
  /** JSON data; what aliases name is shared, so treat it as read-only. */
  readonly value: unknown;
  /** Variables that could not be substituted: the value holds them as they are written. */
  readonly substitutionFaults: readonly DocumentFault[];
  /**
   * The 1-based line where an object of this document begins, or where the deepest part of `path` in it stands. Only the
   * root and items of lists are known by identity; of anything else, the line of the root.
   */
  lineOf(object: unknown, path?: YamlPath): number;
}

export interface DocumentFault {
  readonly code: "UnknownVariable" | "InvalidSubstitution";
  readonly line: number;
  readonly path: YamlPath;
  readonly message: string;
  readonly fix: string;
}

export interface BrokenDocument {
  readonly kind: "broken";
  readonly number: number;
  readonly line: number;
  readonly code: YamlFault["code"];
  readonly message: string;
  readonly fix: string | undefined;
}

/**
 * The YAML documents of a file, each by itself: one that is broken does not hide the others. JSON is YAML.
 * Comments and `---` alone make no document, `---` twice makes an empty one, whose value is null.
 */
export function* readYaml(
  text: string,
  limits: YamlLimits,
  substitution: Substitution | null = null,
): Generator<YamlDocument | BrokenDocument, void, void> {
  let number = 0;
  let line = 1;
  for (const written of splitDocuments(text)) {
    let part = written;
    let lines = new LineIndex(part, line);
    try {
      const parsed = parseYaml(written, limits);
      const { events } = parsed;
      if (parsed.source !== written) {
        part = parsed.source;
        lines = new LineIndex(part, line);
      }
      for (let index = 0; index < events.length; ) {
        number += 1;
        if (number > limits.documentsMax) {
          throw new YamlFault("TooManyObjects", `the file holds more than ${limits.documentsMax} documents.`, 0);
        }
        const scope = substitution === null ? null : scopeOf(substitution, part, events, index, limits);
        const document = composeDocument(part, events, index, limits, scope);
        const root = index + 1;
        const faults = scope?.faults ?? [];
        yield {
          kind: "document",
          number,
          value: document.value,
          substitutionFaults: faults.map(({ offset, ...fault }) => ({ ...fault, line: lines.at(offset) })),
          lineOf: (object, path = []) =>
            lines.at(locate(parsed.source, events, document.starts.get(object as object) ?? root, path)),
        };
        index = document.next;
      }
    } catch (error) {
      if (!(error instanceof YamlFault)) throw error;
      if (error instanceof ParseFault) {
        // It leaves no events, so its document has not been counted yet.
        number += 1;
        part = error.source;
        lines = new LineIndex(part, line);
      }
      const { code, message } = error;
      const fix = error.fix ?? hintFor(part, error.offset);
      yield { kind: "broken", number, line: lines.at(error.offset), code, message, fix };
      if (code === "TooManyObjects") return;
    }
    line = lines.last;
  }
}

/** Null where the text holds no variable: then there is nothing to do. */
function scopeOf(
  substitution: Substitution,
  source: string,
  events: readonly Event[],
  index: number,
  limits: YamlLimits,
): SubstitutionScope | null {
  // A backslash may stand for a dollar or a brace.
  if (!mayHaveVariables(source) && !source.includes("\\")) return null;
  if (!mayLeaveAlone(source)) return new SubstitutionScope(substitution, []);
  // What an object says about itself is known only when it was read once.
  const { starts } = composeDocument(source, events, index, limits);
  const leftAlone = [...starts].filter(([object]) => isLeftAlone(object));
  return new SubstitutionScope(
    substitution,
    leftAlone.map(([, from]) => ({ from, to: skip(events, from) })),
  );
}

/** What usually stands behind a fault at this place. */
function hintFor(source: string, offset: number): string | undefined {
  const lineStart = source.lastIndexOf("\n", offset - 1) + 1;
  const lineEnd = source.indexOf("\n", offset);
  const line = source.slice(lineStart, Math.min(lineEnd < 0 ? source.length : lineEnd, lineStart + 1_000));
  if (/^<{7} /m.test(source)) return "A merge conflict was committed: resolve it.";
  if (line.includes("{{")) return "This looks like a template of Helm or another tool, which is not plain YAML.";
  if (/^ *\t/.test(line)) return "Indent with spaces, not with tabs.";
  return undefined;
}

/**
 * Cuts a text before every `---` that begins a line, where no YAML construct can span. Directives (`%YAML 1.1`) stay
 * with the document they stand before.
 */
function* splitDocuments(text: string): Generator<string, void, void> {
  let start = 0;
  for (let at = text.indexOf("\n---"); at >= 0; at = text.indexOf("\n---", at + 4)) {
    const after = text.charCodeAt(at + 4);
    if (!(Number.isNaN(after) || after === 0x20 || after === 0x09 || after === 0x0a || after === 0x0d)) continue;
    const part = text.slice(start, at + 1);
    if (isDirectives(part)) continue;
    yield part;
    start = at + 1;
  }
  const last = text.slice(start);
  // kubectl ends the last line like all others, which a block of text at the end shows.
  yield last === "" || last.endsWith("\n") ? last : `${last}\n`;
}

/** Directives are short, so that a long text is not looked through again for every `---` in it. */
const DIRECTIVES_LENGTH_MAX = 4_096;

const isDirectives = (part: string): boolean =>
  part.length <= DIRECTIVES_LENGTH_MAX && /^%/m.test(part) && /^(?:(?:%[^\n]*|[ \t]*(?:#[^\n]*)?)\r?\n)*$/.test(part);

/** Offset of the deepest part of `path` that is written below the node at `index`. */
function locate(source: string, events: readonly Event[], index: number, path: YamlPath): number {
  let node = index;
  let offset = offsetOf(events[node] as Event);
  for (const step of path) {
    const found = child(source, events, node, step);
    if (!found) break;
    node = found.value;
    offset = found.offset;
  }
  return offset;
}

function child(
  source: string,
  events: readonly Event[],
  parent: number,
  step: string | number,
): { value: number; offset: number } | null {
  const kind = events[parent]?.type;
  if (kind !== EVENT_ID.MAPPING && kind !== EVENT_ID.SEQUENCE) return null;
  for (let index = parent + 1, count = 0; ; count++) {
    const event = events[index];
    if (!event || event.type === EVENT_ID.POP) return null;
    if (kind === EVENT_ID.SEQUENCE) {
      if (count === step) return { value: index, offset: offsetOf(event) };
      index = skip(events, index);
    } else {
      const isIt = event.type === EVENT_ID.SCALAR && getScalarValue(source, event) === step;
      const value = skip(events, index);
      if (isIt) return { value, offset: offsetOf(event) };
      index = skip(events, value);
    }
  }
}

/** Index after the node at `index`. */
function skip(events: readonly Event[], index: number): number {
  let depth = 0;
  for (let at = index; at < events.length; at++) {
    const type = events[at]?.type;
    if (type === EVENT_ID.SEQUENCE || type === EVENT_ID.MAPPING) depth += 1;
    else if (type === EVENT_ID.POP) depth -= 1;
    if (depth <= 0) return at + 1;
  }
  return events.length;
}

/** Lines of one part of a file. Built when first asked: most files have nothing to say about their lines but one. */
class LineIndex {
  readonly #text: string;
  readonly #first: number;
  #starts: number[] | null = null;

  constructor(text: string, first: number) {
    this.#text = text;
    this.#first = first;
  }

  at(offset: number): number {
    const starts = this.#index();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#first + low;
  }

  /** Line that the text after this part begins on. */
  get last(): number {
    return this.#first + this.#index().length - 1;
  }

  #index(): number[] {
    if (this.#starts) return this.#starts;
    const starts = [0];
    for (let at = this.#text.indexOf("\n"); at >= 0; at = this.#text.indexOf("\n", at + 1)) starts.push(at + 1);
    this.#starts = starts;
    return starts;
  }
}
