/**
 * Text from Git, clusters and other people, made safe to print: a commit subject must not be able to move the cursor,
 * recolour the terminal or reverse the reading direction. What is taken out stays visible as `␛` or `\u{202e}`.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    return code === 0x7f ? "\u2421" : `\\u{${code.toString(16)}}`;
  });
}

/** `printable`, on one line. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, " ").trim());
}

/** Every string inside `value` made printable; for YAML, whose strings may go to a terminal as they are. */
export function printableDeep<T>(value: T): T {
  if (typeof value === "string") return printable(value) as T;
  if (Array.isArray(value)) return value.map(printableDeep) as T;
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [printable(key), printableDeep(field)])) as T;
  }
  return value;
}

/** JSON whose text is plain to any terminal: what JSON itself leaves alone is escaped as JSON allows. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(JSON_UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

// Control characters but tab and newline; and the marks that reorder or hide text (Unicode's bidirectional controls,
// the zero-width space, line and paragraph separators). Joiners stay: they hold letters and emoji together.
// biome-ignore lint/suspicious/noControlCharactersInRegex: taking them out is the point
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const JSON_UNSAFE = /[\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
