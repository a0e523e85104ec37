import { describe, expect, it } from "vitest";
import { problem } from "../model/problem.ts";
import { configMap, deployment, manifestFile } from "../testing/manifests.ts";
import { duplicateProblems } from "./duplicates.ts";
import { parseManifests } from "./parse.ts";

const parse = (text: string | Uint8Array, path = "apps/shop/all.yaml") =>
  parseManifests({ path, bytes: typeof text === "string" ? Buffer.from(text) : text });

const head = "apiVersion: v1\nkind: ConfigMap\n";

describe("objects of a file", () => {
  it("come with their reference and place", () => {
    const { manifests, problems } = parse(
      `# one\n${manifestFile(configMap("a", { x: "1" }, { namespace: "shop" }), deployment("b"))}`,
    );
    expect(problems).toEqual([]);
    expect(manifests.map(({ ref, place }) => ({ ref, place }))).toEqual([
      {
        ref: { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "a" },
        place: { path: "apps/shop/all.yaml", line: 2, document: 1 },
      },
      {
        ref: { apiVersion: "apps/v1", kind: "Deployment", namespace: "", name: "b" },
        place: { path: "apps/shop/all.yaml", line: 10, document: 2 },
      },
    ]);
    expect(manifests[0]?.object).toEqual(configMap("a", { x: "1" }, { namespace: "shop" }));
  });

  it("skip empty documents, and a file of comments has none", () => {
    expect(parse("---\n# nothing here\n---\n~\n---\n")).toEqual({ manifests: [], problems: [] });
  });

  it("come out of lists, typed ones included, each with its own line", () => {
    const { manifests, problems } = parse(
      [
        "apiVersion: v1",
        "kind: List",
        "metadata: {resourceVersion: ''}",
        "items:",
        "- apiVersion: v1",
        "  kind: Secret",
        "  metadata: {name: a}",
        "- apiVersion: v1",
        "  kind: ConfigMapList",
        "  items:",
        "  - metadata: {name: b}",
        "  - {metadata: {name: c}, data: {x: y}}",
      ].join("\n"),
    );
    expect(problems).toEqual([]);
    expect(manifests.map(({ ref, place }) => [ref.kind, ref.name, place.line])).toEqual([
      ["Secret", "a", 5],
      ["ConfigMap", "b", 11],
      ["ConfigMap", "c", 12],
    ]);
    expect(manifests[1]?.object).toEqual({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "b" } });
  });

  it("keep a custom kind that only ends like a list", () => {
    const { manifests } = parse("apiVersion: x.io/v1\nkind: AllowList\nmetadata: {name: a}\nitems: [1]\n");
    expect(manifests.map(({ ref }) => ref.kind)).toEqual(["AllowList"]);
  });

  it("are read from JSON too, with a byte order mark or without", () => {
    const json = JSON.stringify(deployment("a"), null, "\t");
    expect(parse(json, "a.json").manifests[0]?.object).toEqual(deployment("a"));
    expect(parse(`\ufeff${json}`, "a.json").manifests).toHaveLength(1);
  });
});

describe("what is wrong is said with line, document and a fix", () => {
  it.each([
    ["kind", "apiVersion: v1\nmetadata: {name: a}\n", "KindMissing", 1, '"kind" is missing.'],
    ["kind, empty", "apiVersion: v1\nmetadata: {name: a}\nkind:\n", "KindMissing", 3, '"kind" is empty.'],
    ["apiVersion", "\n\nkind: ConfigMap\nmetadata: {name: a}\n", "InvalidObject", 3, '"apiVersion" is missing.'],
    ["metadata", head, "NameMissing", 1, '"metadata.name" is missing.'],
    ["name", `${head}metadata:\n  labels: {}\n`, "NameMissing", 3, '"metadata.name" is missing.'],
    [
      "name, number",
      `${head}metadata:\n  name: 010\n`,
      "InvalidObject",
      4,
      '"metadata.name" is a number (8), not text.',
    ],
    [
      "name, slash",
      `${head}metadata:\n  name: a/b\n`,
      "InvalidObject",
      4,
      '"metadata.name" is "a/b", which no kind allows.',
    ],
    [
      "name, long",
      `${head}metadata:\n  name: ${"a".repeat(254)}\n`,
      "InvalidObject",
      4,
      '"metadata.name" is too long.',
    ],
    ["generateName", `${head}metadata:\n  generateName: a-\n`, "NameMissing", 4, "makes a new object at every apply"],
    ["namespace", `${head}metadata:\n  name: a\n  namespace: A_b\n`, "InvalidObject", 5, "no name of a namespace"],
    [
      "label",
      `${head}metadata:\n  name: a\n  labels:\n    on: x\n    v: 1.0\n`,
      "InvalidObject",
      7,
      "the label v is a number (1), not text.",
    ],
    [
      "annotation",
      `${head}metadata:\n  name: a\n  annotations: {muster.dev/prune: false}\n`,
      "InvalidObject",
      5,
      "truth value (false)",
    ],
    ["metadata, text", `${head}metadata: x\n`, "InvalidObject", 3, '"metadata" is a text, not a mapping.'],
    ["text", "just words\n", "InvalidObject", 1, "this is a text, not an object."],
    ["list", "- a\n", "InvalidObject", 1, "this is a list, not an object."],
    [
      "big number",
      `${head}metadata: {name: a}\nx:\n  y: 12345678901234567890\n`,
      "InvalidObject",
      5,
      "beyond ±9007199254740991",
    ],
    ["twice", `${head}metadata: {name: a}\ndata:\n  k: a\n  k: b\n`, "InvalidYaml", 6, 'the key "k" is given twice'],
    ["template", `${head}metadata: {name: {{ .Values.name }}}\n`, "InvalidYaml", 3, "cannot be a key"],
  ])("%s", (_, text, code, line, message) => {
    const { manifests, problems } = parse(`${head}metadata: {name: good}\n---\n${text}`);
    expect(manifests.map(({ ref }) => ref.name)).toEqual(["good"]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      code,
      message: expect.stringContaining(message),
      where: { path: "apps/shop/all.yaml", line: line + 4, document: 2 },
    });
    expect(problem.parse(problems[0])).toEqual(problems[0]);
  });

  it("all of it at once, up to a bound", () => {
    const { problems } = parse("a: 1\n---\n".repeat(30));
    expect(problems).toHaveLength(20);
    expect(problems.slice(0, 3).map(({ code, where }) => [code, where.document])).toEqual([
      ["InvalidObject", 1],
      ["KindMissing", 1],
      ["NameMissing", 1],
    ]);
  });

  it("in the items of a list by their own lines", () => {
    const { problems } = parse(
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  metadata:\n    name: a\n- null\n",
    );
    expect(problems.map(({ code, where }) => [code, where.line])).toEqual([
      ["KindMissing", 4],
      ["InvalidObject", 1],
    ]);
  });

  it("of bytes that are no text", () => {
    const latin1 = Buffer.from(`${head}metadata: {name: a}\ndata: {k: caf\xe9}\n`, "latin1");
    expect(parse(latin1).problems).toEqual([
      expect.objectContaining({ code: "InvalidYaml", where: { path: "apps/shop/all.yaml", line: 4 } }),
    ]);
    expect(parse(Buffer.from("\ufeffa: 1", "utf16le")).problems[0]).toMatchObject({ code: "InvalidYaml" });
  });

  it("of a file that is too large, which is not even read", () => {
    const bytes = Buffer.alloc(4 * 1024 * 1024 + 1, "#");
    expect(parse(bytes).problems).toEqual([
      expect.objectContaining({ code: "FileTooLarge", message: "the file is 4.1 MiB; at most 4 MiB are read." }),
    ]);
  });
});

describe("duplicateProblems", () => {
  it("names both places, also across API versions", () => {
    const first = parse(manifestFile({ ...deployment("a"), apiVersion: "apps/v1beta1" }, configMap("x")), "one.yaml");
    const second = parse(manifestFile(configMap("y"), configMap("x"), deployment("a")), "two.yaml");
    const problems = duplicateProblems([...first.manifests, ...second.manifests], 20);
    expect(problems.map(({ code, message, where }) => [code, message, where.path, where.line])).toEqual([
      ["DuplicateObject", "ConfigMap x is also defined in one.yaml:21 (document 2).", "two.yaml", 7],
      [
        "DuplicateObject",
        "Deployment a is also defined in one.yaml:1 (as apps/v1 and as apps/v1beta1, which are one object).",
        "two.yaml",
        13,
      ],
    ]);
  });

  it("tells objects of one name in two groups or namespaces apart", () => {
    const text = manifestFile(
      deployment("a"),
      { ...deployment("a"), apiVersion: "other.io/v1" },
      deployment("a", { namespace: "n" }),
    );
    expect(duplicateProblems(parse(text).manifests, 20)).toEqual([]);
  });
});
