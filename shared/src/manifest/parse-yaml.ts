import { type Event, parseEvents, YAMLException } from "js-yaml";
import { TOO_DEEP } from "./compose-yaml.ts";
import { YamlFault, type YamlLimits } from "./yaml-limits.ts";

/** The most lines of one document that are indented for its author. */
const REPAIRS_MAX = 500;

/**
 * kubectl takes `[...]`, `{...}` and quoted text whose later lines are indented too little: a closing bracket at the
 * margin is common. js-yaml, which keeps to the letter of YAML 1.2, does not. Blanks at the start of such a line mean
 * nothing, so they are added, line by line as the parser complains. Lines keep their numbers.
 */
export function parseYaml(written: string, limits: YamlLimits): { source: string; events: Event[] } {
  let source = written;
  for (let repairs = 0; ; repairs++) {
    try {
      return { source, events: parse(source, limits) };
    } catch (error) {
      if (!(error instanceof ParseFault) || !error.message.includes(TOO_LITTLE_INDENTED)) throw error;
      const message = "not valid YAML: this line is indented too little.";
      const fix = "Indent the lines inside brackets or quotes further than the key they belong to.";
      const refused = new ParseFault(error.code, message, source, error.offset, fix);
      if (repairs >= REPAIRS_MAX || repairs * source.length > limits.repairCharactersMax) throw refused;
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

/** A fault of the text's form, found before its documents could be told apart. */
export class ParseFault extends YamlFault {
  /** The text that `offset` counts in. */
  readonly source: string;

  constructor(code: YamlFault["code"], message: string, source: string, offset: number, fix?: string) {
    super(code, message, offset, fix);
    this.source = source;
  }
}
