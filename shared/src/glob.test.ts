import { matchesGlob } from "node:path";
import { describe, expect, it } from "vitest";
import { matchesAny, parseGlob, parseWholeGlob } from "./glob.ts";

const matches = (pattern: string, path: string): boolean | undefined => parseGlob(pattern)?.matches(path);

describe("a glob", () => {
  it.each([
    ["*.yaml", "a.yaml", true],
    ["*.yaml", "deep/down/a.yaml", true],
    ["*.yaml", "a.yml", false],
    ["/*.yaml", "deep/a.yaml", false],
    ["base", "base/a.yaml", true],
    ["base/", "env/base/a.yaml", true],
    ["env/base", "env/base/x/a.yaml", true],
    ["env/base", "other/env/base/a.yaml", false],
    ["env/*", "env/a/b.yaml", true],
    ["env/**/a.yaml", "env/a.yaml", true],
    ["env/**/a.yaml", "env/x/y/a.yaml", true],
    ["**/test/**", "a/test/b.yaml", true],
    ["**/test/**", "a/tests/b.yaml", false],
    ["{dev,prod}/*.{yaml,yml}", "prod/a.yml", true],
    ["{dev,prod}/*.{yaml,yml}", "stage/a.yml", false],
    ["a{b}c", "a{b}c", true],
    ["a{b,{c,d}e}", "ade", true],
    ["[a-c]?.yaml", "bx.yaml", true],
    ["[!a-c]*.yaml", "bx.yaml", false],
    ["\\*.yaml", "*.yaml", true],
    ["\\*.yaml", "a.yaml", false],
    ["[x.yaml", "[x.yaml", true],
    ["", "a.yaml", true],
  ])("%j and %j: %j", (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected);
  });

  it("reads anchored patterns as Node does", () => {
    const patterns = ["a/*", "a/**/c", "**/c", "a/?/c", "a/[b-x]/c", "a/{b,x}/*", "a/*b*/c", "a/b*/**/c*", "a/*/*/c"];
    const paths = ["a/b", "a/b/c", "a/c", "a/x/b/c", "c", "x/c", "a/bbb/c", "a/b/x/cc", "a/xbx/c", "b/a/c"];
    for (const pattern of patterns) {
      for (const path of paths) {
        // Node's knows no "everything below".
        const folders = path.split("/").map((_, index, all) => all.slice(0, index + 1).join("/"));
        const expected = folders.some((folder) => matchesGlob(folder, pattern));
        expect([pattern, path, matches(pattern, path)]).toEqual([pattern, path, expected]);
      }
    }
  });

  it.each([
    ["apps/*", ["apps/shop", "apps/api"]],
    ["*", ["apps", "README.md"]],
    ["apps/**", ["apps/shop", "apps/api", "apps/shop/base", "apps/shop/base/a.yaml"]],
    ["**/base", ["apps/shop/base"]],
    ["apps/*/*", ["apps/shop/base"]],
    ["**/*.yaml", ["apps/shop/base/a.yaml"]],
    ["apps/{shop,web}/", ["apps/shop"]],
    ["/apps", ["apps"]],
    ["**", ["apps", "apps/shop", "apps/api", "apps/shop/base", "apps/shop/base/a.yaml", "README.md"]],
  ])("for a whole path: %s", (pattern, expected) => {
    const paths = ["apps", "apps/shop", "apps/api", "apps/shop/base", "apps/shop/base/a.yaml", "README.md"];
    expect(paths.filter((path) => parseWholeGlob(pattern)?.matches(path))).toEqual(expected);
  });

  it("is not kept busy by patterns made for it", () => {
    const started = performance.now();
    const name = "a".repeat(250);
    expect(matches(`${"*a".repeat(120)}b`, name)).toBe(false);
    expect(matches(`${"**/a/".repeat(100)}b`, Array(1_000).fill("a").join("/"))).toBe(false);
    expect(parseGlob("{a,b}".repeat(12))).toBeNull();
    expect(performance.now() - started).toBeLessThan(500);
  });

  it("in a list matches when one of them does", () => {
    const isIn = matchesAny(["*.yaml", "{a,b}".repeat(12)]);
    expect([isIn("a.yaml"), isIn("a.json")]).toEqual([true, false]);
  });
});
