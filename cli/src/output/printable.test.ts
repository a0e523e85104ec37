import { describe, expect, it } from "vitest";
import { oneLine, printable, printableDeep, printableJson } from "./printable.ts";

describe("printable", () => {
  it.each([
    ["plain text, ümlauts and 日本", "plain text, ümlauts and 日本"],
    ["\u001b]0;title\u0007", "␛]0;title␇"],
    ["a\u009b2Jb", "a\\u{9b}2Jb"],
    ["back\bspace\r", "back␈space␍"],
    ["\u202egnirts", "\\u{202e}gnirts"],
    ["del\u007f", "del␡"],
    ["two\nlines\tkept", "two\nlines\tkept"],
  ])("%j becomes %j", (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  it("makes one line of several", () => {
    expect(oneLine("  a\n\n b\t c ")).toBe("a b c");
  });

  it("reaches every string of a value, keys included", () => {
    expect(printableDeep({ "k\u001b": ["v\u001b", 1, null] })).toEqual({ "k␛": ["v␛", 1, null] });
  });

  it("writes JSON that reads back as it was", () => {
    const value = { text: "\u001b[31m\u009b\u202e" };
    const json = printableJson(value);
    expect(json).toMatch(/^[\x20-\x7e\n]*$/);
    expect(JSON.parse(json)).toEqual(value);
  });
});
