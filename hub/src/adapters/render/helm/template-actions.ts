/** One `{{ … }}` of a template: its words, without those inside quotes, and the quoted texts apart. */
export interface TemplateAction {
  /** 1-based. */
  readonly line: number;
  readonly words: readonly string[];
  readonly quoted: readonly string[];
}

const WORD = /[A-Za-z_]\w*/g;

/** The actions of a Go template in order, comments left out. Reads each character once, whatever is written. */
export function* templateActions(text: string): Generator<TemplateAction, void, void> {
  let line = 1;
  let counted = 0;
  for (let start = text.indexOf("{{"); start >= 0; ) {
    line += newlines(text, counted, start);
    counted = start;
    const open = skipTrim(text, start + 2);
    if (text.startsWith("/*", open)) {
      const end = text.indexOf("*/", open + 2);
      if (end < 0) return;
      start = text.indexOf("{{", end + 2);
      continue;
    }
    const { end, code, quoted } = readAction(text, open);
    yield { line, words: wordsOf(code), quoted };
    start = text.indexOf("{{", end);
  }
}

/** `-` after the braces, and blanks. */
function skipTrim(text: string, from: number): number {
  let at = text[from] === "-" ? from + 1 : from;
  while (text[at] === " " || text[at] === "\t" || text[at] === "\n" || text[at] === "\r") at += 1;
  return at;
}

function readAction(text: string, from: number): { end: number; code: string; quoted: string[] } {
  const code: string[] = [];
  const quoted: string[] = [];
  let at = from;
  let begun = from;
  while (at < text.length && !text.startsWith("}}", at)) {
    const mark = text[at];
    if (mark !== '"' && mark !== "`" && mark !== "'") {
      at += 1;
      continue;
    }
    code.push(text.slice(begun, at), " ");
    const end = endOfQuote(text, at);
    quoted.push(text.slice(at + 1, end));
    at = end + 1;
    begun = at;
  }
  code.push(text.slice(begun, at));
  return { end: at + 2, code: code.join(""), quoted };
}

function endOfQuote(text: string, start: number): number {
  const mark = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === mark) return at;
    if (text[at] === "\\" && mark !== "`") at += 1;
  }
  return text.length;
}

/** Names that stand alone: not of a field (`.x`) or a variable (`$x`). */
function wordsOf(code: string): string[] {
  const words: string[] = [];
  for (const match of code.matchAll(WORD)) {
    const before = code[match.index - 1];
    if (before !== "." && before !== "$") words.push(match[0]);
  }
  return words;
}

function newlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
