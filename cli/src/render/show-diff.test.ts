import { describe, expect, it } from "vitest";
import { createPaint } from "../output/paint.ts";
import type { Fields } from "./manifests-text.ts";
import { compareSides, releaseToCompare, type Side } from "./show-diff.ts";

const object = (kind: string, name: string, more: Fields): Fields => ({
  apiVersion: "v1",
  kind,
  metadata: { name },
  ...more,
});

const side = (title: string, ...objects: Fields[]): Side => ({
  title,
  namespace: "shop",
  objects: objects.map((one) => ({
    ref: {
      apiVersion: one.apiVersion as string,
      kind: one.kind as string,
      namespace: "",
      name: (one.metadata as { name: string }).name,
    },
    object: one,
  })),
});

const compare = (from: Side, to: Side) => compareSides(from, to, createPaint(false));

describe("compareSides", () => {
  it("shows what is created, changed and deleted, and leaves out what is the same", () => {
    const same = object("ConfigMap", "same", { data: { a: "1" } });
    const from = side("r41", same, object("ConfigMap", "old", {}), object("ConfigMap", "web", { data: { a: "1" } }));
    const to = side("here", object("ConfigMap", "web", { data: { a: "2" } }), same, object("ConfigMap", "new", {}));
    const { text, ...counts } = compare(from, to);
    expect(counts).toEqual({ created: 1, changed: 1, deleted: 1 });
    expect(text).toContain(`--- r41/ConfigMap web
+++ here/ConfigMap web
@@ -3,4 +3,4 @@
 metadata:
   name: web
 data:
-  a: "1"
+  a: "2"
`);
    expect(text).toMatch(/--- r41\/ConfigMap old\n\+\+\+ here\/ConfigMap old\n@@ -1,4 \+0,0 @@/);
    expect(text).not.toContain("same");
  });

  it("tells that a secret value differs, and not what it is", () => {
    const secret = (data: Record<string, string>) => object("Secret", "token", { data });
    const { text, changed } = compare(
      side("r1", secret({ kept: "a2VwdA==", turned: "b2xk", gone: "Z29uZQ==" })),
      side("here", secret({ kept: "a2VwdA==", turned: "bmV3", added: "YWRkZWQ=" })),
    );
    expect(changed).toBe(1);
    expect(text).not.toMatch(/a2VwdA|b2xk|Z29uZQ|bmV3|YWRkZWQ/);
    expect(text).toMatch(/-\s+turned: "?\*\*\* \(before\)"?\n/);
    expect(text).toMatch(/\+\s+turned: "?\*\*\* \(after\)"?\n/);
    expect(text).toMatch(/-\s+gone: "?\*\*\*"?\n/);
  });

  it("says nothing of what is the same", () => {
    const one = side("r1", object("Secret", "a", { data: { a: "1" } }));
    expect(compare(one, one)).toEqual({ text: "", created: 0, changed: 0, deleted: 0 });
  });
});

describe("releaseToCompare", () => {
  it.each([
    [true, "current"],
    ["current", "current"],
    ["r41", 41],
    ["41", 41],
  ] as const)("reads %j", (word, expected) => {
    expect(releaseToCompare(word)).toBe(expected);
  });

  it.each(["previous", "r0", "4f2c9e1"])("asks for another word than %j", (word) => {
    expect(() => releaseToCompare(word)).toThrow("is no Release to compare with");
  });
});
