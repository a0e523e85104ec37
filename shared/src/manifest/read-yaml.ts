import { EVENT_ID, type Event, getScalarValue, parseEvents, YAMLException } from "js-yaml";
import { composeDocument, offsetOf, TOO_DEEP } from "./compose-yaml.ts";
import { YamlFault, type YamlLimits } from "./yaml-limits.ts";

export type YamlPath = readonly (string | number)[];

export interface YamlDocument {
  readonly kind: "document";
  /** 1-based, in the file. */
  readonly number: number;
  /** JSON data; what aliases name is shared, so treat it as read-only. */
  readonly value: unknown;
  /**
   * The 1-based line where an object of this document begins, or where the deepest part of `path` in it stands. Only the
   * root and items of lists are known by identity; of anything else, the line of the root.
   */
  lineOf(object: unknown, path?: YamlPath): number;
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
export function* readYaml(text: string, limits: YamlLimits): Generator<YamlDocument | BrokenDocument, void, void> {
  let number = 0;
  let line = 1;
  for (const written of splitDocuments(text)) {
    let part = written;
    let lines = new LineIndex(part, line);
    try {
      const parsed = parseLeniently(written, limits);
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
        const document = composeDocument(part, events, index, limits);
        const root = index + 1;
        yield {
          kind: "document",
          number,
          value: document.value,
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

/** A fault of the text's form, found before its documents could be told apart. */
class ParseFault extends YamlFault {
  /** The text that `offset` counts in. */
  readonly source: string;

  constructor(code: YamlFault["code"], message: string, source: string, offset: number, fix?: string) {
    super(code, message, offset, fix);
    this.source = source;
  }
}

/** The most lines of one document that are indented for its author, and the most characters read for that. */
const REPAIRS_MAX = 500;
const REPAIR_CHARACTERS_MAX = 32 * 1024 * 1024;

/**
 * kubectl takes `[...]`, `{...}` and quoted text whose later lines are indented too little: a closing bracket at the
 * margin is common. js-yaml, which keeps to the letter of YAML 1.2, does not. Blanks at the start of such a line mean
 * nothing, so they are added, line by line as the parser complains. Lines keep their numbers.
 */
function parseLeniently(written: string, limits: YamlLimits): { source: string; events: Event[] } {
  let source = written;
  for (let repairs = 0; ; repairs++) {
    try {
      return { source, events: parse(source, limits) };
    } catch (error) {
      if (!(error instanceof ParseFault) || !error.message.includes(TOO_LITTLE_INDENTED)) throw error;
      const message = "not valid YAML: this line is indented too little.";
      const fix = "Indent the lines inside brackets or quotes further than the key they belong to.";
      const refused = new ParseFault(error.code, message, source, error.offset, fix);
      if (repairs >= REPAIRS_MAX || repairs * source.length > REPAIR_CHARACTERS_MAX) throw refused;
      const repaired = indentLine(source, error.offset);
      if (repaired === null) throw refused;
      source = repaired;
    }
  }
}

const TOO_LITTLE_INDENTED = "deficient indentation";
const INDENTATION_MAX = 200;

/** The source with the line at `offset` indented further; null when that cannot be what is wrong with it. */
function indentLine(source: string, offset: number): string | null {
  const lineStart = source.lastIndexOf("\n", offset - 1) + 1;
  const before = source.slice(lineStart, offset);
  const blanks = /[ \t]*$/.exec(before)?.[0] ?? "";
  // A tab counts for nothing as indentation, and for a blank everywhere else between words.
  if (blanks.includes("\t")) {
    return source.slice(0, offset - blanks.length) + blanks.replaceAll("\t", " ") + source.slice(offset);
  }
  if (blanks !== before || before.length >= INDENTATION_MAX) return null;
  return source.slice(0, lineStart) + " ".repeat(INDENTATION_MAX) + source.slice(offset);
}

function parse(source: string, limits: YamlLimits): Event[] {
  let events: Event[];
  try {
    events = parseEvents(source, { maxDepth: limits.depthMax });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const offset = Math.min(error.mark?.position ?? 0, source.length);
    if (error.reason.includes("maxDepth"))
      throw new ParseFault("InvalidYaml", TOO_DEEP.message, source, offset, TOO_DEEP.fix);
    throw new ParseFault("InvalidYaml", `not valid YAML: ${error.reason}.`, source, offset);
  }
  if (events.length > limits.nodesMax * 2) {
    throw new ParseFault(
      "FileTooLarge",
      `one document holds more than ${limits.nodesMax} values.`,
      source,
      0,
      "Split it.",
    );
  }
  return events;
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
    if (/^(?:(?:%[^\n]*|[ \t]*(?:#[^\n]*)?)\r?\n)*$/.test(part.slice(0, 4_096)) && /^%/m.test(part)) continue;
    yield part;
    start = at + 1;
  }
  yield text.slice(start);
}

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
