import { encodeBundle } from "@muster/shared/manifest/bundle.ts";
import { parseManifests } from "@muster/shared/manifest/parse.ts";
import { describe, expect, it } from "vitest";
import { manifestsText, readObjects } from "./manifests-text.ts";

const configMap = (name: string, data: Record<string, string>) => ({
  apiVersion: "v1",
  data,
  kind: "ConfigMap",
  metadata: { labels: { app: "shop" }, name },
});

const refOf = ({ apiVersion, kind, metadata }: { apiVersion: string; kind: string; metadata: { name: string } }) => ({
  apiVersion,
  kind,
  namespace: "",
  name: metadata.name,
});

/** As Kubernetes reads it. */
function readBack(yaml: string): unknown {
  const { manifests, problems } = parseManifests({ path: "out.yaml", bytes: Buffer.from(yaml) });
  expect(problems).toEqual([]);
  return manifests[0]?.object;
}

const bundleOf = (...objects: ReturnType<typeof configMap>[]) =>
  encodeBundle(objects.map((object) => ({ ref: refOf(object), object }))).compressed;

describe("manifestsText", () => {
  it("prints what it is first, in the order of applying", () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "zoo" } } as never;
    expect(manifestsText(readObjects(bundleOf(configMap("b", { a: "1" }), namespace)), "yaml")).toBe(`---
apiVersion: v1
kind: Namespace
metadata:
  name: zoo
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: b
  labels:
    app: shop
data:
  a: "1"
`);
  });

  const tricky = [
    "yes",
    "off",
    "012",
    "0o14",
    "1_000",
    "12:30:45",
    "2001-01-01",
    "~",
    "null",
    "=",
    "<<",
    "1e3",
    ".5",
    "",
  ];
  const odd = [
    "a\u001b[2J",
    "c1 \u009b31m",
    "two\nlines\n",
    "  led",
    "# no comment",
    "it's",
    "é日本",
    "tab\there",
    "\u2028",
  ];

  it.each([...tricky, ...odd])("lets Kubernetes read %j as what it was", (text) => {
    const object = configMap("a", { value: text, [`key ${text}`]: "x" });
    const objects = readObjects(bundleOf(object));
    const yaml = manifestsText(objects, "yaml");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may reach a terminal
    expect(yaml).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    expect(readBack(yaml)).toEqual(object);
    const json = manifestsText(objects, "json");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may reach a terminal
    expect(json).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(JSON.parse(json)).toEqual({ apiVersion: "v1", kind: "List", items: [object] });
  });
});
