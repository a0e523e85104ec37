/** Files as people write them, and as they did not mean to. */
export interface CorpusFile {
  readonly name: string;
  readonly text: string;
  /** Why Muster refuses what kubectl takes. */
  readonly refused?: string;
  /** Why Muster takes what kubectl refuses. */
  readonly taken?: string;
}

const head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";
const object = (name: string, more = ""): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n${more}`;

export const CORPUS: readonly CorpusFile[] = [
  // documents
  { name: "several documents", text: `${object("a")}---\n${object("b")}---\n${object("c")}` },
  { name: "comments and empty documents", text: `# one\n---\n---\n# two\n---\n${object("a")}---\n\n---\n# end\n` },
  { name: "an end mark", text: `${object("a")}...\n---\n${object("b")}...\n` },
  { name: "a comment behind the mark", text: `--- # first\n${object("a")}--- # second\n${object("b")}` },
  {
    name: "content behind the mark",
    text: `--- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n`,
    taken: "it is YAML; kubectl wants the mark alone on its line.",
  },
  { name: "blanks behind the mark", text: `${object("a")}---   \n${object("b")}` },
  { name: "a mark inside a block", text: `${head}data:\n  k: |\n    ---\n    x\n---\n${object("b")}` },
  { name: "four dashes in a block", text: `${head}data:\n  k: |\n    a\n    ----\n` },
  {
    name: "line ends of Windows",
    text: `${object("a", "data: {k: v}\n")}---\n${object("b")}`.replaceAll("\n", "\r\n"),
  },
  { name: "a byte order mark", text: `\ufeff${object("a")}` },
  { name: "no line end", text: object("a", "data: {k: v}") },
  {
    name: "a directive",
    text: `%YAML 1.1\n---\n${object("a")}`,
    taken: "it is YAML; kubectl takes the directive for a document of its own.",
  },
  {
    name: "nothing at all",
    text: "",
    taken: "kubectl wants at least one object in a file; Muster looks at all files of a directory.",
  },
  {
    name: "comments only",
    text: "# nothing\n",
    taken: "kubectl wants at least one object in a file; Muster looks at all files of a directory.",
  },

  // lists
  {
    name: "a list",
    text: `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n`,
  },
  {
    name: "a typed list",
    text: `apiVersion: v1\nkind: ConfigMapList\nitems:\n- {metadata: {name: a}}\n- {metadata: {name: b}, data: {k: v}}\n`,
  },
  {
    name: "a list in a list",
    text: `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n`,
    taken: "kubectl takes a list apart once.",
  },
  {
    name: "a list among others",
    text: `${object("a")}---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n---\n${object("c")}`,
  },
  {
    name: "a list with what the server wrote",
    text: `apiVersion: v1\nkind: List\nmetadata: {resourceVersion: "", selfLink: ""}\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n`,
  },

  // JSON
  {
    name: "JSON",
    text: '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "\\u00e9\\n\\t\\/"}}',
  },
  {
    name: "JSON with tabs",
    text: '{\n\t"apiVersion": "v1",\n\t"kind": "ConfigMap",\n\t"metadata": {\n\t\t"name": "a"\n\t}\n}\n',
  },
  {
    name: "JSON with a pair of surrogates",
    text: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"\\ud83d\\ude00"}}',
  },
  {
    name: "JSON list",
    text: '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}]}',
  },

  // types
  {
    name: "modes of files",
    text: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, image: a}]\n  volumes: [{name: s, secret: {secretName: s, defaultMode: 0400}}, {name: c, configMap: {name: c, defaultMode: 0o644}}]\n",
  },
  { name: "truth", text: `${head}x: [yes, No, on, OFF, y, n, true, False, TRUE, tRue, "yes"]\n` },
  { name: "numbers", text: `${head}x: [1, -1, 0x1F, 1_000, 1e3, 1.50, .5, 5., 1.0, -0.0, 08, 1:30, 0b11]\n` },
  { name: "a dash alone in brackets", text: `${head}x: [a, -]\n`, refused: "YAML takes it for an item of a list" },
  { name: "two keys that mean one", text: `${head}x: {true: b, yes: c}\n`, refused: "nobody can tell which was meant" },
  { name: "JSON's escape of a slash", text: `${head}x: "\\/"\n`, taken: "it is YAML 1.2, and JSON has it." },
  { name: "numbers that are text", text: `${head}x: ["1", '0755', 1.2.3, 1-2, 12h, 0x, 1__a, +, .]\n` },
  { name: "nothing in many ways", text: `${head}x: {a: null, b: ~, c: , d: Null, e: "", f: nULL}\n` },
  { name: "dates stay text", text: `${head}x: [2024-01-01, 2024-01-01T00:00:00Z, 12:30:45]\n` },
  { name: "tags", text: `${head}x: [!!str 1, !!int "7", !!float 1, !!bool "true", !!null "", ! 5]\n` },
  { name: "exponents without a sign", text: `${head}x: [12e03, 1E5, 6.02e23, 1e-7]\n` },
  {
    name: "an integer of 54 bits",
    text: `${head}x: 9007199254740993\n`,
    refused: "programs that read JSON begin to round there",
  },
  { name: "infinity", text: `${head}x: .inf\n` },

  // text
  {
    name: "blocks and their ends",
    text: `${head}data:\n  a: |\n    x\n  b: |-\n    x\n  c: |+\n    x\n\n  d: >\n    x\n    y\n\n    z\n  e: >-\n    x\n      y\n    z\n`,
  },
  { name: "a block with its indentation said", text: `${head}data:\n  a: |2\n      x\n    y\n  b: |1-\n   x\n` },
  { name: "a block with tabs and trailing blanks", text: `${head}data:\n  a: |\n    x\t\n    \ty  \n\n    z\n` },
  { name: "a block at the end without a line end", text: `${head}data:\n  a: |\n    x` },
  {
    name: "folded plain text",
    text: `${head}data:\n  a: x\n    y\n\n    z\n  b: "x\n    y\\\n    z"\n  c: 'it''s\n    x'\n`,
  },
  { name: "escapes", text: `${head}data: {a: "\\x41\\u00e9\\U0001F600\\0\\e\\_\\N\\L\\P"}\n` },
  { name: "a hash inside a word", text: `${head}data: {a: x#y, b: 'x # y'}\n` },
  { name: "a colon inside a word", text: `${head}data:\n  a: http://x:80/y\n  b: a:b\n  c: "k: v"\n` },
  { name: "templates of other tools", text: `${head}data:\n  a: '{{ .Values.x }}'\n  b: \${X:-y}\n  c: $(X)\n` },
  { name: "a bare template", text: `${head}data:\n  a: {{ .Values.x }}\n` },
  { name: "reserved signs", text: `${head}data:\n  a: @x\n` },
  { name: "text beyond the basic plane", text: `${head}data: {a: "😀é中", b: 😀}\n` },

  // structure
  { name: "anchors and aliases", text: `${head}x: &x {a: [1, 2]}\ny: *x\nz: [*x, &w word, *w]\n` },
  { name: "a merge key", text: `${head}x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz:\n  <<: [*x, {c: 4, a: 9}]\n` },
  {
    name: "a merge key below what it sets",
    text: `${head}x: &x {a: 1}\ny:\n  a: 2\n  <<: *x\n`,
    refused: "kubectl and YAML disagree about which counts",
  },
  { name: "an anchor of another document", text: `${object("a", "x: &x 1\n")}---\n${object("b", "y: *x\n")}` },
  { name: "a key twice", text: `${head}data: {a: x, a: y}\n`, refused: "nobody can tell which was meant" },
  {
    name: "a key twice at the root",
    text: `${object("a", "data: {a: x}\ndata: {b: y}\n")}`,
    refused: "nobody can tell which was meant",
  },
  { name: "keys that are no text", text: `${head}x: {1: a, true: b, off: c, 0x10: d}\n` },
  { name: "an empty key", text: `${head}x: {"": a}\n` },
  { name: "a key of null", text: `${head}x: {~: a}\n` },
  { name: "a key of a fraction", text: `${head}x: {1.5: a}\n`, refused: "a key must be text" },
  { name: "a list as a key", text: `${head}x: {[a]: b}\n` },
  { name: "explicit keys", text: `${head}x:\n  ? a\n  : b\n` },
  { name: "lists without indentation", text: `${head}x:\n- a\n-\n  b: c\n- - d\n  - e\n` },
  { name: "a bracket at the margin", text: `${head}x: [\n  a,\n  b\n]\ny: {\n}\n` },
  { name: "a trailing comma", text: `${head}x: [a, b,]\ny: {a: b,}\n` },
  { name: "a tab as indentation", text: `${head}x:\n\ta: b\n` },
  { name: "an unclosed bracket", text: `${head}x: [a\n` },
  { name: "an unclosed quote", text: `${head}x: "a\n` },
  { name: "a conflict of a merge", text: `${head}<<<<<<< HEAD\nx: 1\n=======\nx: 2\n>>>>>>> b\n` },
  { name: "__proto__ as a key", text: `${head}x: {__proto__: {a: 1}, constructor: 2}\n` },

  // objects
  { name: "no kind", text: "apiVersion: v1\nmetadata: {name: a}\n" },
  { name: "no apiVersion", text: "kind: ConfigMap\nmetadata: {name: a}\n", refused: "an API server refuses it" },
  { name: "a list at the root", text: "- apiVersion: v1\n" },
  { name: "a word at the root", text: "hello\n" },
  {
    name: "no name",
    text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
    refused: "an object without a name cannot be kept in step",
  },
  {
    name: "a generated name",
    text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n",
    refused: "every apply would make another",
  },
  {
    name: "labels that are no text",
    text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {a: 1}}\n",
  },
  {
    name: "a status and fields of the server",
    text: `${object("a", "status: {x: 1}\n").replace("{name: a}", "{name: a, creationTimestamp: null, uid: x}")}`,
  },
  { name: "a field nobody knows", text: `${head}unknown: {deeply: [unknown]}\n` },
];
