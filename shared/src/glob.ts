/**
 * Shell patterns as in .gitignore: `*` and `?` inside a name, `**` across folders, `[a-z]`, `[!a-z]`, `{a,b}`, `\` before
 * a character that is meant as it is. A pattern without a slash matches a name in any folder; one that matches a folder
 * matches everything below it.
 *
 * Not made into a regular expression: tenants write patterns and file names, and some pairs of them would keep an engine
 * that backtracks busy for years. This takes at most (length of pattern × length of path) steps for each alternative.
 */
export interface Glob {
  matches(path: string): boolean;
  /** How many patterns it stands for, `{a,b}` being two: what a match costs. */
  readonly alternatives: number;
}

/** What `{a,b}` may stand for in one pattern. */
const ALTERNATIVES_MAX = 64;

type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "many" }
  | { readonly kind: "class"; readonly isNegated: boolean; readonly ranges: readonly (readonly [string, string])[] };

/** Null: any number of folders. */
type Segment = readonly Token[] | null;

/** Null when it has more alternatives than anyone needs. */
export const parseGlob = (pattern: string): Glob | null => parse(pattern, { isWhole: false });

/**
 * The same patterns as a shell reads them: from the root on (`*` is a name in the root only), and for the whole path
 * (`apps/*` is no match for what lies deeper, `apps/**` none for `apps` itself).
 */
export const parseWholeGlob = (pattern: string): Glob | null => parse(pattern, { isWhole: true });

function parse(pattern: string, { isWhole }: { isWhole: boolean }): Glob | null {
  const alternatives = expandBraces(pattern);
  if (alternatives === null) return null;
  const parsed = alternatives.map((alternative) => parseSegments(alternative, isWhole));
  return {
    matches: (path) => {
      const names = path.split("/");
      return parsed.some((segments) => matchesPath(segments, names, isWhole));
    },
    alternatives: parsed.length,
  };
}

/** Whether any of the patterns matches. One that cannot be read matches nothing. */
export function matchesAny(patterns: readonly string[]): (path: string) => boolean {
  const globs = patterns.map(parseGlob).filter((glob) => glob !== null);
  return (path) => globs.some((glob) => glob.matches(path));
}

function parseSegments(pattern: string, isWhole: boolean): readonly Segment[] {
  const isAnchored = isWhole || pattern.replace(/\/+$/, "").includes("/");
  const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
  const segments = parts.map((part) => (part === "**" ? null : parseTokens(part)));
  return isAnchored ? segments : [null, ...segments];
}

/** Greedy: only the last `**` ever has to be tried again with one folder more. */
function matchesPath(segments: readonly Segment[], names: readonly string[], isWhole: boolean): boolean {
  let segment = 0;
  let name = 0;
  let retry: { segment: number; name: number } | null = null;
  while (name < names.length) {
    const current = segments[segment];
    // All of the pattern is used up: it matches a folder above, and so what is below.
    if (segment === segments.length && !isWhole) return true;
    if (current === null) {
      segment += 1;
      retry = { segment, name };
    } else if (current !== undefined && matchesName(current, names[name] as string)) {
      segment += 1;
      name += 1;
    } else if (retry !== null) {
      retry = { segment: retry.segment, name: retry.name + 1 };
      ({ segment, name } = retry);
    } else {
      return false;
    }
  }
  if (segment === segments.length) return true;
  return !isWhole && segment === segments.length - 1 && segments[segment] === null;
}

/** The same for `*` in a name. */
function matchesName(tokens: readonly Token[], name: string): boolean {
  const characters = [...name];
  let token = 0;
  let at = 0;
  let retry: { token: number; at: number } | null = null;
  while (at < characters.length) {
    const current = tokens[token];
    if (current?.kind === "many") {
      token += 1;
      retry = { token, at };
    } else if (current !== undefined && matchesCharacter(current, characters[at] as string)) {
      token += 1;
      at += 1;
    } else if (retry !== null) {
      retry = { token: retry.token, at: retry.at + 1 };
      ({ token, at } = retry);
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === "many") token += 1;
  return token === tokens.length;
}

function matchesCharacter(token: Token, character: string): boolean {
  switch (token.kind) {
    case "text":
      return token.text === character;
    case "class":
      return token.ranges.some(([from, to]) => from <= character && character <= to) !== token.isNegated;
    default:
      return token.kind === "one";
  }
}

function parseTokens(part: string): readonly Token[] {
  const characters = [...part];
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    if (character === "*") {
      if (tokens.at(-1)?.kind !== "many") tokens.push({ kind: "many" });
    } else if (character === "?") tokens.push({ kind: "one" });
    else if (character === "[") {
      const end = parseClass(characters, at, tokens);
      at = end;
    } else {
      if (character === "\\" && at + 1 < characters.length) at += 1;
      tokens.push({ kind: "text", text: characters[at] as string });
    }
  }
  return tokens;
}

/** Index of the closing bracket; without one the opening bracket means itself. */
function parseClass(characters: readonly string[], start: number, tokens: Token[]): number {
  const isNegated = characters[start + 1] === "!" || characters[start + 1] === "^";
  const first = start + (isNegated ? 2 : 1);
  const end = characters.indexOf("]", first + 1);
  if (end < 0) {
    tokens.push({ kind: "text", text: "[" });
    return start;
  }
  const ranges: [string, string][] = [];
  for (let at = first; at < end; at++) {
    const from = characters[at] as string;
    const isRange = characters[at + 1] === "-" && at + 2 < end;
    ranges.push([from, isRange ? (characters[at + 2] as string) : from]);
    if (isRange) at += 2;
  }
  tokens.push({ kind: "class", isNegated, ranges });
  return end;
}

/** `a{b,c}` → `ab`, `ac`. Without a comma, or without its end, a brace means itself. */
function expandBraces(pattern: string): readonly string[] | null {
  const done: string[] = [];
  const open = [pattern];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const group = findGroup(next);
    if (group === null) done.push(next);
    else for (const choice of group.choices) open.push(group.before + choice + group.after);
    if (open.length + done.length > ALTERNATIVES_MAX) return null;
  }
  return done;
}

function findGroup(pattern: string): { before: string; choices: readonly string[]; after: string } | null {
  for (let start = pattern.indexOf("{"); start >= 0; start = pattern.indexOf("{", start + 1)) {
    if (pattern[start - 1] === "\\") continue;
    let depth = 0;
    const cuts = [start];
    for (let at = start; at < pattern.length; at++) {
      const character = pattern[at];
      if (character === "\\") at += 1;
      else if (character === "{") depth += 1;
      else if (character === "," && depth === 1) cuts.push(at);
      else if (character === "}" && --depth === 0) {
        if (cuts.length === 1) break;
        const ends = [...cuts.slice(1), at];
        const choices = cuts.map((cut, index) => pattern.slice(cut + 1, ends[index]));
        return { before: pattern.slice(0, start), choices, after: pattern.slice(at + 1) };
      }
    }
  }
  return null;
}
