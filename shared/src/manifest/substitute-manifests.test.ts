import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { problem } from "../model/problem.ts";
import { parseManifests } from "./parse.ts";

const values = {
  NAME: "shop",
  COUNT: "3",
  FLAG: "true",
  EMPTY: "",
  EVIL: 'x\n  injected: true\n---\nkind: Secret # "',
  MAP: "{a: 1}",
  "cluster.name": "prod-1",
  "cluster.labels.tier": "prod",
};

const parse = (text: string, references: Set<string> | null = null, given: typeof values | null = values) =>
  parseManifests({ path: "a.yaml", bytes: Buffer.from(text) }, { substitution: { values: given, references } });

const head = "apiVersion: v1\nkind: Thing\nmetadata: {name: a}\n";

/** The `spec` that is read. */
const spec = (text: string) => {
  const { manifests, problems } = parse(`${head}spec:\n${text.replace(/^/gm, "  ")}`);
  expect(problems).toEqual([]);
  return manifests[0]?.object.spec;
};

describe("a word without quotes gets its type after it was substituted", () => {
  it.each([
    ["${COUNT}", 3],
    ["${NONE:-5}", 5],
    ["${FLAG}", true],
    ["${NONE:-no}", false],
    ["${EMPTY}", null],
    ["${COUNT}m", "3m"],
    ["1${COUNT}", 13],
    ["${NAME}", "shop"],
    ["${MAP}", "{a: 1}"],
    ["!!str ${COUNT}", "3"],
    ["!!int ${COUNT}", 3],
    ["$${COUNT}", "${COUNT}"],
    ["$COUNT $(COUNT)", "$COUNT $(COUNT)"],
  ])("%s", (written, value) => {
    expect(spec(`x: ${written}`)).toEqual({ x: value });
  });
});

describe("what has quotes stays text", () => {
  it.each([
    ['"${COUNT}"', "3"],
    ["'${FLAG}'", "true"],
    ['"\\x24{COUNT}"', "3"],
    ["|\n  n=${COUNT}\n  $${KEPT}\n", "n=3\n${KEPT}\n"],
    [">-\n  ${NAME}\n  on ${cluster.name}\n", "shop on prod-1"],
  ])("%s", (written, value) => {
    expect(spec(`x: ${written}`)).toEqual({ x: value });
  });

  it("and so does what Kubernetes takes as text only, with quotes or without", () => {
    const { manifests, problems } = parse(
      [
        "apiVersion: apps/v1",
        "data:",
        "  port: ${COUNT}",
        "  empty: ${EMPTY}",
        "kind: Deployment",
        "metadata:",
        "  name: a",
        "  labels:",
        "    flag: ${FLAG}",
        "  annotations:",
        "    count: ${COUNT}",
        "spec:",
        "  replicas: ${COUNT}",
        "  template:",
        "    spec:",
        "      nodeSelector:",
        "        big: ${FLAG}",
        "      containers:",
        "      - name: ${NAME}",
        "        args:",
        "        - ${COUNT}",
        "        ports:",
        "        - containerPort: ${COUNT}",
        "        env:",
        "        - name: PORT",
        "          value: ${COUNT}",
        "        - name: ${FLAG}X",
        "          value: 7",
      ].join("\n"),
    );
    expect(problems).toEqual([]);
    expect(manifests[0]?.object).toMatchObject({
      data: { port: "3", empty: "" },
      metadata: { labels: { flag: "true" }, annotations: { count: "3" } },
      spec: {
        replicas: 3,
        template: {
          spec: {
            nodeSelector: { big: "true" },
            containers: [
              {
                name: "shop",
                args: ["3"],
                ports: [{ containerPort: 3 }],
                env: [{ name: "PORT", value: "3" }, { value: 7 }],
              },
            ],
          },
        },
      },
    });
  });
});

describe("structure", () => {
  it("cannot come from a value", () => {
    const { manifests, problems } = parse(`${head}data:\n  k: \${EVIL}\n  q: "\${EVIL}"\n`);
    expect(problems).toEqual([]);
    expect(manifests).toHaveLength(1);
    expect(manifests[0]?.object.data).toEqual({ k: values.EVIL, q: values.EVIL });
  });

  it("cannot come from any value, and text stays what it is", () => {
    const text = `${head}data:\n  plain: \${V}\n  "quoted": "\${V}"\n  block: |-\n    \${V}\n---\n${head}`;
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (value) => {
        const file = { path: "a.yaml", bytes: Buffer.from(text) };
        const { manifests, problems } = parseManifests(file, {
          substitution: { values: { V: value }, references: null },
        });
        expect(problems).toEqual([]);
        expect(manifests.map(({ object }) => object.data)).toEqual([
          { plain: value, quoted: value, block: value },
          undefined,
        ]);
      }),
    );
  });

  it("has keys that are substituted, and stay text", () => {
    expect(spec('${NAME}: 1\n${COUNT}: 2\n${cluster.labels.tier}:\n  "${NAME}": x')).toEqual({
      shop: 1,
      "3": 2,
      prod: { shop: "x" },
    });
  });

  it("refuses a key that becomes another's", () => {
    const { problems } = parse(`${head}spec:\n  shop: 1\n  \${NAME}: 2\n`);
    expect(problems).toMatchObject([
      { code: "InvalidYaml", message: expect.stringContaining('"shop" is given twice') },
    ]);
  });

  it("keeps a merge key what it is, and a key that looks like one a key", () => {
    const text = `${head}a: &a\n  x: \${NAME}\nb:\n  <<: *a\n  \${LT}: 1\n`;
    const result = parseManifests(
      { path: "a.yaml", bytes: Buffer.from(text) },
      { substitution: { values: { NAME: "shop", LT: "<<" }, references: null } },
    );
    expect(result.manifests[0]?.object.b).toEqual({ x: "shop", "<<": 1 });
  });

  it("does not look at comments", () => {
    expect(spec("# ${NONE} ${broken\nx: 1 # ${NONE}")).toEqual({ x: 1 });
  });

  it("may be JSON", () => {
    const json = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "${NAME}" }, data: { a: "${COUNT}" } };
    const { manifests } = parse(JSON.stringify(json));
    expect(manifests[0]).toMatchObject({ ref: { name: "shop" }, object: { data: { a: "3" } } });
  });
});

describe("an unknown variable", () => {
  it("is told with file, line, document, field and the nearest name; all of them at once", () => {
    const { manifests, problems } = parse(
      `${head}---\n${head}spec:\n  a:\n  - x\n  - host: \${cluster.nam}\n  b: \${}\n---\n${head}`,
    );
    expect(manifests).toHaveLength(2);
    for (const each of problems) expect(problem.parse(each)).toEqual(each);
    expect(problems).toEqual([
      {
        code: "UnknownVariable",
        message: "the variable cluster.nam has no value here. Did you mean cluster.name?",
        fix: expect.stringContaining("${cluster.nam:-…}"),
        where: { path: "a.yaml", line: 11, document: 2, field: "spec.a.1.host" },
      },
      expect.objectContaining({
        code: "InvalidSubstitution",
        where: { path: "a.yaml", line: 12, document: 2, field: "spec.b" },
      }),
    ]);
  });

  it("is told twenty times at most", () => {
    expect(parse(`${head}spec: [${"'${X}',".repeat(100)}]`).problems).toHaveLength(20);
  });
});

describe("an object that asks to be left alone", () => {
  it.each([
    ["muster.dev/substitute: disabled", "annotations"],
    ["kustomize.toolkit.fluxcd.io/substitute: disabled", "annotations"],
    ["kustomize.toolkit.fluxcd.io/substitute: disabled", "labels"],
  ])("by %s in its %s is, and the others are not", (line, where) => {
    const references = new Set<string>();
    const { manifests, problems } = parse(
      [
        "apiVersion: v1",
        "kind: List",
        "items:",
        `- {apiVersion: v1, kind: ConfigMap, metadata: {name: a, ${where}: {${line}}}, data: {x: "\${NONE}"}}`,
        `- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {x: "\${NAME}"}}`,
      ].join("\n"),
      references,
    );
    expect(problems).toEqual([]);
    expect(manifests.map(({ object }) => object.data)).toEqual([{ x: "${NONE}" }, { x: "shop" }]);
    expect([...references]).toEqual(["NAME"]);
  });

  it("must say exactly that", () => {
    const text = `apiVersion: v1\nkind: A\nmetadata: {name: a, annotations: {muster.dev/substitute: enabled}}\nx: "\${NAME}"\n`;
    expect(parse(text).manifests[0]?.object.x).toBe("shop");
  });
});

it("references are told without substituting", () => {
  const references = new Set<string>();
  const { manifests } = parse(`${head}x: \${NAME:-\${OTHER}}\n"\${KEY}": $\${NOT}\n`, references, null);
  expect([...references].sort()).toEqual(["KEY", "NAME", "OTHER"]);
  expect(manifests[0]?.object).toMatchObject({ x: "${NAME:-${OTHER}}", "${KEY}": "$${NOT}" });
});
