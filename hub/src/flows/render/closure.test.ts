import { describe, expect, it } from "vitest";
import type { Closure } from "../../ports/renderer.ts";
import { closureHash, coverOf } from "./closure.ts";

const file = (path: string, source = "") => ({ source, path, oid: `oid of ${path}`, mode: "file" as const });
const closure = (over: Partial<Closure>): Closure => ({ files: [], directories: [], absent: [], ...over });

describe("coverOf", () => {
  it.each<[string, Closure, string, string[]]>([
    [
      "the App's own directory stands for all in it",
      closure({ files: [file("apps/shop/a.yaml"), file("apps/shop/x/b.yaml")] }),
      "apps/shop",
      ["apps/shop"],
    ],
    [
      "a base beside it is told by its directory",
      closure({ files: [file("apps/shop/k.yaml"), file("base/k.yaml")] }),
      "apps/shop",
      ["apps/shop", "base"],
    ],
    [
      "a directory takes in what is below it",
      closure({ files: [file("base/sub/a.yaml"), file("base/b.yaml")] }),
      "apps/shop",
      ["base"],
    ],
    ["a file in the root stands for itself", closure({ files: [file("common.yaml")] }), "apps/shop", ["common.yaml"]],
    [
      "what was looked for in vain counts",
      closure({ absent: [{ source: "", path: "lib/kustomization.yml" }] }),
      "apps/shop",
      ["lib"],
    ],
    [
      "of an App in the root every file counts",
      closure({ files: [file("a.yaml"), file("b/c.yaml")] }),
      "",
      ["a.yaml", "b"],
    ],
  ])("%s", (_what, given, path, expected) => {
    expect(coverOf(given, path).map((entry) => entry.path)).toEqual(expected);
  });

  it("keeps Sources apart", () => {
    const given = closure({ files: [file("apps/shop/a.yaml"), file("apps/shop/a.yaml", "env")] });
    expect(coverOf(given, "apps/shop")).toEqual([
      { source: "", path: "apps/shop" },
      { source: "env", path: "apps/shop" },
    ]);
  });
});

it("is found quickly, however many directories were read", () => {
  const files = Array.from({ length: 5_000 }, (_, index) => file(`lib/directory-of-some-length-${index}/a.yaml`));
  const began = performance.now();
  expect(coverOf(closure({ files }), "apps/shop")).toHaveLength(5_000);
  expect(performance.now() - began).toBeLessThan(100);
});

it("names closures by their content", () => {
  const one = closure({ files: [file("a.yaml")] });
  expect(closureHash(one)).toBe(closureHash(closure({ files: [file("a.yaml")] })));
  expect(closureHash(one)).not.toBe(closureHash(closure({ files: [file("b.yaml")] })));
});
