import { readFileSync } from "node:fs";
import fc from "fast-check";
import { dump } from "js-yaml";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical.ts";
import { readYaml } from "./read-yaml.ts";
import { YAML_LIMITS, type YamlLimits } from "./yaml-limits.ts";

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/kubernetes-yaml/${name}.json`, import.meta.url), "utf8"));
const inputs: { name: string; yaml: string }[] = fixture("inputs");
const answers = new Map<string, { json?: string; error?: string; strictError?: string }>(
  fixture("expected").map((answer: { name: string }) => [answer.name, answer]),
);

/** Where we answer otherwise than kubectl, on purpose. `undefined`: we refuse what it takes. */
const DIFFERENCES: Record<string, { json: unknown; why: string }> = {
  "integers beyond 53 bits": { json: undefined, why: "JSON readers round them; refused with its line" },
  "integers beyond 63 bits": { json: undefined, why: "the same; the API server keeps them as floats" },
  "integers beyond 64 bits": { json: undefined, why: "kubectl rounds silently" },
  "octal that overflows": { json: undefined, why: "kubectl reads it as a decimal float" },
  "a float as a key": { json: undefined, why: "kubectl makes 1.10 into 1.1" },
  "override, then merge": { json: undefined, why: "kubectl and YAML disagree about the winner" },
  "two merge keys": { json: undefined, why: "likewise" },
  "binary tag": { json: undefined, why: "bytes have no form in JSON" },
  "a very long key": { json: { ["k".repeat(2_000)]: 1 }, why: "YAML's limit of 1024 characters is not kept" },
  "double-quoted escaped slash": { json: { a: "x/y" }, why: "JSON allows it, and kubectl does in JSON files" },
  "double-quoted surrogate pair": { json: { a: "😀" }, why: "likewise" },
  "line of blanks and a tab": { json: { a: { b: 1, c: 2 } }, why: "kubectl refuses what YAML allows" },
  "question mark in a flow": { json: ["?x", "a?b"], why: "likewise" },
  "literal with a leading tab line": { json: { a: "\tone\n" }, why: "likewise" },
  "delete character": { json: { a: "x\u007fy" }, why: "likewise" },
  "unicode line separators": { json: { a: "x\u2028y", b: "x\u0085y" }, why: "line breaks of YAML 1.1 are none in 1.2" },
  "raw line separators in quotes": { json: { a: "x\u2028y\u0085z" }, why: "likewise" },
  "escaped line break before an empty line": { json: undefined, why: "js-yaml reads it otherwise" },
  "quoted key and colon without a space": { json: undefined, why: "kubectl forgets the value" },
  "comment without blank after quotes": { json: undefined, why: "kubectl takes what YAML refuses" },
  "merge first, then override": {
    json: { base: { x: 1, y1: 2 }, it: { x: 9, y1: 2 } },
    why: "kubectl's strict reading takes it for a duplicate key; its usual one agrees with ours",
  },
  "merge of several": {
    json: { a: { x: 1 }, b: { x: 2, w: 3 }, it: { x: 1, w: 3 } },
    why: "likewise",
  },
};

function readAll(yaml: string, limits: Partial<YamlLimits> = {}) {
  return [...readYaml(yaml, { ...YAML_LIMITS, ...limits })];
}

describe("what Kubernetes makes of YAML", () => {
  it.each(inputs)("$name", ({ name, yaml }) => {
    const answer = answers.get(name);
    expect(answer, "run the generator again").toBeDefined();
    // The byte order mark is taken off with the encoding.
    const documents = readAll(yaml.replace(/^\ufeff/, ""));
    const expected =
      name in DIFFERENCES
        ? DIFFERENCES[name]?.json
        : answer?.error || answer?.strictError
          ? undefined
          : JSON.parse(answer?.json ?? "");
    if (expected === undefined) {
      expect(documents).toEqual([expect.objectContaining({ kind: "broken" })]);
    } else if (expected === null) {
      expect(documents).toEqual([]);
    } else {
      expect(documents).toHaveLength(1);
      const value = documents[0]?.kind === "document" ? documents[0].value : documents[0];
      expect(canonicalJson({ value })).toBe(canonicalJson({ value: expected }));
    }
  });

  it("names only differences that are ones", () => {
    for (const name of Object.keys(DIFFERENCES)) expect(inputs.map((input) => input.name)).toContain(name);
  });
});

describe("documents", () => {
  const summary = (yaml: string) =>
    readAll(yaml).map((found) =>
      found.kind === "document"
        ? [found.number, found.value === null ? 0 : found.lineOf(found.value), found.value]
        : [found.number, found.line, found.message],
    );

  it("numbers them and knows their lines", () => {
    expect(summary("# one\na: 1\n---\n# two\n\nb: 2\n---\nc: 3\n")).toEqual([
      [1, 2, { a: 1 }],
      [2, 6, { b: 2 }],
      [3, 8, { c: 3 }],
    ]);
  });

  it("does not count a leading separator or comments before it, and counts an empty document", () => {
    expect(summary("# licence\n---\na: 1\n---\n# nothing\n---\n---\nb: 2\n---\n")).toEqual([
      [1, 3, { a: 1 }],
      [2, 0, null],
      [3, 0, null],
      [4, 8, { b: 2 }],
      [5, 0, null],
    ]);
  });

  it("finds lines behind CRLF, in lists and at paths", () => {
    const [found] = readAll("kind: List\r\nitems:\r\n- a: 1\r\n- a: 2\r\n  b:\r\n    c: [1,\r\n 2]\r\n");
    if (found?.kind !== "document") throw new Error("broken");
    const { items } = found.value as { items: object[] };
    expect(items.map((item) => found.lineOf(item))).toEqual([3, 4]);
    expect(found.lineOf(items[1], ["b", "c", 1])).toBe(7);
    expect(found.lineOf(items[1], ["b", "x"])).toBe(5);
    expect(found.lineOf({}, [])).toBe(1);
  });

  it("goes on after a document that is broken", () => {
    expect(summary("a: [1\n---\nb: {x: 1, x: 2}\n---\nc:\n\td: 1\n---\ne: 1\n")).toEqual([
      [1, 2, expect.stringContaining("not valid YAML")],
      [2, 3, 'the key "x" is given twice in one mapping.'],
      [3, 6, expect.stringContaining("not valid YAML")],
      [4, 8, { e: 1 }],
    ]);
  });

  it("keeps lines right in a document whose brackets were indented for it", () => {
    expect(summary("a: [\n]\nb: {\n}\nc: 1\n---\nd: 1\n").map(([, line]) => line)).toEqual([1, 7]);
    expect(summary("a: [\n1\n]\nb: 1\nb: 2\n---\nd: [\n\n]\ne: {]\n").map(([, line]) => line)).toEqual([5, 10]);
  });

  it("does not mend for ever", () => {
    const yaml = `a: [\n${"1,\n".repeat(2_000)}]`;
    expect(readAll(yaml)).toEqual([
      expect.objectContaining({
        kind: "broken",
        message: "not valid YAML: this line is indented too little.",
      }),
    ]);
  });

  it("mends only as much as it is told", () => {
    const yaml = `a: [\n${"1,\n".repeat(100)}]`;
    expect(readAll(yaml)).toEqual([expect.objectContaining({ kind: "document" })]);
    expect(readAll(yaml, { repairCharactersMax: 1_000 })).toEqual([expect.objectContaining({ kind: "broken" })]);
  });

  it("looks for directives once, whatever the text begins with", () => {
    const yaml = `%YAML 1.1\n${"#\n".repeat(4_000)}${"---\n".repeat(100_000)}`;
    const began = performance.now();
    readAll(yaml, { documentsMax: 10 });
    expect(performance.now() - began).toBeLessThan(200);
  });

  it("keeps a separator inside a line, and one with text behind it", () => {
    expect(summary("a: x ---\nb: |\n  ---\n---x: 1\n")).toEqual([[1, 1, { a: "x ---", b: "---\n", "---x": 1 }]]);
    expect(summary("--- {a: 1}\n--- # next\nb: 2\n...\n")).toEqual([
      [1, 1, { a: 1 }],
      [2, 3, { b: 2 }],
    ]);
  });

  it("keeps directives with the document they stand before", () => {
    expect(summary("# c\n%YAML 1.1\n---\na: yes\n---\nb: 1\n")).toEqual([
      [1, 4, { a: true }],
      [2, 6, { b: 1 }],
    ]);
  });
});

describe("limits", () => {
  const bomb = (levels: number) =>
    [
      "a0: &a0 [x, x, x, x, x, x, x, x, x, x]",
      ...Array.from({ length: levels }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]`),
    ].join("\n");

  it("refuses an alias bomb at once, with its line", () => {
    const started = performance.now();
    expect(readAll(bomb(12))).toEqual([expect.objectContaining({ kind: "broken", code: "TooManyAliases", line: 5 })]);
    expect(performance.now() - started).toBeLessThan(200);
  });

  it("refuses a bomb of merges and one of long text", () => {
    const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}: ${i}`).join(", ");
    const merges = `base: &b {${keys}}\n${Array.from({ length: 100 }, (_, i) => `m${i}: {<<: *b}`).join("\n")}`;
    const texts = `t: &t ${"x".repeat(100_000)}\nl: [${"*t,".repeat(1_000)}]`;
    for (const yaml of [merges, texts]) {
      expect(readAll(yaml)).toEqual([expect.objectContaining({ code: "TooManyAliases" })]);
    }
  });

  it("takes ordinary sharing", () => {
    const yaml = `env: &env {A: 1, B: 2}\nall:\n${Array.from({ length: 500 }, () => "- <<: *env\n  C: 3\n").join("")}`;
    const [found] = readAll(yaml);
    expect(found?.kind).toBe("document");
  });

  it("refuses nesting, whether written or by aliases", () => {
    expect(readAll(`a: ${"[".repeat(101)}${"]".repeat(101)}`)).toEqual([
      expect.objectContaining({ code: "InvalidYaml", message: "the document is nested too deeply.", line: 1 }),
    ]);
    const chain = Array.from({ length: 150 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}]`).join("\n");
    expect(readAll(`a0: &a0 x\n${chain}`)).toEqual([
      expect.objectContaining({ code: "InvalidYaml", message: "the document is nested too deeply." }),
    ]);
    expect(readAll(`${"- ".repeat(50_000)}x`)).toEqual([expect.objectContaining({ kind: "broken" })]);
  });

  it("refuses too many values and too many documents", () => {
    expect(readAll(`[${"a,".repeat(300)}]`, { nodesMax: 100 })).toEqual([
      expect.objectContaining({ code: "FileTooLarge" }),
    ]);
    expect(readAll("a: 1\n---\n".repeat(10), { documentsMax: 3 }).map((found) => found.kind)).toEqual([
      "document",
      "document",
      "document",
      "broken",
    ]);
  });
});

describe("hints", () => {
  it.each([
    ["a: {{ .Values.x }}", "template"],
    ["{{- if .Values.x }}\na: 1\n{{- end }}", "template"],
    ["a:\n\tb: 1", "spaces"],
    ["a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other", "conflict"],
  ])("%j", (yaml, word) => {
    expect(readAll(yaml)[0]).toMatchObject({ kind: "broken", fix: expect.stringContaining(word) });
  });
});

describe("anything that can be written", () => {
  const value = fc
    .jsonValue({ maxDepth: 4 })
    // Whole numbers beyond 53 bits are refused, and minus zero has lost its sign in JSON.
    .map((json) =>
      JSON.parse(JSON.stringify(json), (_, found) => {
        return typeof found === "number" && !Number.isSafeInteger(found) && Number.isInteger(found) ? 0.5 : found;
      }),
    );
  const readOne = (text: string) => {
    const [found, ...more] = readAll(text);
    expect(more).toEqual([]);
    return found?.kind === "document" ? found.value : found;
  };

  it("as JSON comes back", () => {
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 2, "\t"), (json, space) => {
        expect(readOne(JSON.stringify({ json }, null, space))).toEqual({ json });
      }),
      { numRuns: 300 },
    );
  });

  it("by a YAML writer comes back", () => {
    fc.assert(
      fc.property(value, (json) => {
        expect(readOne(dump({ json }, { noRefs: true }))).toEqual({ json });
      }),
      { numRuns: 300 },
    );
  });

  it("is read or refused, and never thrown at the caller", () => {
    const piece = fc.constantFrom(
      ..."abc 01.:-#&*!|>%@{}[],?~'\"\\\t\n".split(""),
      "\n  ",
      "\n---\n",
      ": ",
      "- ",
      "<<: ",
      "&a ",
      "*a",
      "\n...\n",
      "kind: List\nitems:\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        for (const found of readAll(pieces.join(""))) {
          if (found.kind === "broken") expect(found.line).toBeGreaterThan(0);
          else if (found.value !== null) expect(found.lineOf(found.value)).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
