import { RE2JS } from "re2js";

/**
 * Regular expressions as Kubernetes' tools read them (RE2), for the whole of a word. Tenants write them as well as the
 * words that they are tried on, and some pairs would keep JavaScript's own engine, which backtracks, busy for years.
 * Null: it is none.
 */
export function wholeWord(pattern: string): ((word: string) => boolean) | null {
  if (/^[\w-]*$/.test(pattern)) return (word) => word === pattern;
  try {
    const regex = RE2JS.compile(pattern);
    return (word) => regex.matches(word);
  } catch {
    return null;
  }
}
