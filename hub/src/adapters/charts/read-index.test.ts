import { expect, it } from "vitest";
import { readIndex, versionsIn } from "./read-index.ts";

const read = (text: string) => readIndex(Buffer.from(text));
const hex = "0a".repeat(32);

it("reads an index as Helm writes it", () => {
  const index = read(
    [
      "apiVersion: v1",
      "entries:",
      "  # one chart",
      "  shop:",
      "  - name: shop",
      "    description: |",
      "      entries:",
      "        not: this",
      `    digest: ${hex}`,
      "    version: 1.10",
      "    urls:",
      "    - shop-1.10.tgz",
      "    - elsewhere",
      "",
      "  - version: 1.9.0",
      `    digest: sha256:${hex.toUpperCase()}`,
      "  till:",
      "    - version: '2.0.0'",
      "  -odd:",
      "    - version: 3.0.0",
      "  empty: []",
      "generated: now",
      "",
    ].join("\n"),
  );
  expect(index.names).toEqual(["shop", "till", "-odd", "empty"]);
  expect(versionsIn(index, "shop")).toEqual([
    { version: "1.10", digest: hex, url: "shop-1.10.tgz" },
    { version: "1.9.0", digest: hex, url: null },
  ]);
  expect(versionsIn(index, "till")).toEqual([{ version: "2.0.0", digest: null, url: null }]);
  expect(versionsIn(index, "-odd")?.length).toBe(1);
  expect(versionsIn(index, "empty")).toEqual([]);
  expect(versionsIn(index, "nowhere")).toBeNull();
});

it.each([
  ["JSON", JSON.stringify({ entries: { shop: [{ version: "1.0.0" }], till: [{ version: "2.0.0" }] } })],
  ["flow style", "entries: {shop: [{version: 1.0.0}], till: [{version: 2.0.0}]}"],
  ["Windows line ends", "entries:\r\n  shop:\r\n  - version: 1.0.0\r\n  till:\r\n  - version: 2.0.0\r\n"],
  ["anchors over charts", "entries:\n  shop: &a\n  - version: 1.0.0\n  copy: *a\n  till:\n  - version: 2.0.0\n"],
  [
    "entries at the end",
    "generated: x\nentries:\n    shop:\n        - version: 1.0.0\n    till:\n        - version: 2.0.0",
  ],
])("reads %s", (_, text) => {
  const index = read(text);
  expect(versionsIn(index, "shop")?.[0]?.version).toBe("1.0.0");
  expect(versionsIn(index, "till")?.[0]?.version).toBe("2.0.0");
});

it("leaves out what has no version", () => {
  expect(versionsIn(read("entries:\n  shop:\n  - name: shop\n  - version: 1.0.0\n  - ~\n"), "shop")?.length).toBe(1);
});

it("does not write out what aliases multiply", () => {
  const lines = ["entries:", "  a: &a", ...Array.from({ length: 2_000 }, () => `  - {version: ${"1".repeat(400)}}`)];
  for (let at = 0; at < 200; at++) lines.push(`  a${at}: *a`);
  expect(() => read(lines.join("\n"))).toThrow(expect.objectContaining({ code: "too-large" }));
});
