import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { createPaint } from "./paint.ts";
import { type Column, cut, formatTable } from "./table.ts";

const plain = createPaint(false);
const columns: Column[] = [
  { title: "APP" },
  { title: "RELEASE", align: "right" },
  { title: "COMMIT", widthMin: 7 },
  { title: "STATE", widthMin: 10 },
];
const rows = [
  ["storefront/shop", "r42", "4f2c9e1 Raise the timeout of the checkout", "rollout: stage rest, 2 to go"],
  ["payments/api", "r7", "88a01d3 Add the EU bank", "Healthy"],
];

describe("formatTable", () => {
  it("aligns columns and leaves no space at the end of a line", () => {
    expect(formatTable(columns, rows, { width: null, paint: plain })).toBe(
      [
        "APP              RELEASE  COMMIT                                     STATE",
        "storefront/shop      r42  4f2c9e1 Raise the timeout of the checkout  rollout: stage rest, 2 to go",
        "payments/api          r7  88a01d3 Add the EU bank                    Healthy",
        "",
      ].join("\n"),
    );
  });

  it.each([100, 80, 60, 50])("fits a terminal of %i columns", (width) => {
    const lines = formatTable(columns, rows, { width, paint: plain }).split("\n");
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    expect(lines[1]).toContain("storefront/shop");
    if (width < 97) expect(lines[1]).toContain("…");
  });

  it("cuts no column that must stay whole, however narrow the terminal", () => {
    const table = formatTable(columns, rows, { width: 20, paint: plain });
    expect(table).toContain("storefront/shop");
    expect(table).toContain("4f2c9e…");
  });

  it("counts wide characters as two columns and colours as none", () => {
    const coloured = createPaint(true);
    const table = formatTable(
      [{ title: "A" }, { title: "B" }],
      [
        ["日本", { text: "Healthy", tone: "good" }],
        ["abcd", { text: "Degraded", tone: "bad" }],
      ],
      { width: null, paint: coloured },
    );
    const [, first = "", second = ""] = table.split("\n");
    expect(first).toContain("\u001b[32mHealthy");
    expect(stringWidth(first.slice(0, first.indexOf("\u001b")))).toBe(second.indexOf("\u001b"));
  });

  it("lets no cell break the line or reach the terminal", () => {
    const table = formatTable([{ title: "A" }], [["a\nb\u001b[2J\u202ec"]], { width: null, paint: plain });
    expect(table).toBe("A\na b␛[2J\\u{202e}c\n");
  });

  it("leaves columns out, the first to go first, where cutting is not enough", () => {
    const optional: Column[] = [
      { title: "APP" },
      { title: "AHEAD", dropOrder: 2 },
      { title: "DRIFT", dropOrder: 1 },
      { title: "STATE", widthMin: 7 },
    ];
    const table = (width: number) =>
      formatTable(optional, [["shop", "1", "2", "everything is fine"]], { width, paint: plain }).split("\n")[1];
    expect(table(80)).toBe("shop  1      2      everything is fine");
    expect(table(30)).toBe("shop  1      2      everythin…");
    expect(table(22)).toBe("shop  2      everythi…");
    expect(table(14)).toBe("shop  everyth…");
  });

  it("prints only titles for an empty list", () => {
    expect(formatTable(columns, [], { width: 80, paint: plain })).toBe("APP  RELEASE  COMMIT  STATE\n");
  });
});

describe("cut", () => {
  it.each([
    ["short", 10, "short"],
    ["exactly", 7, "exactly"],
    ["too long", 5, "too…"],
    ["日本語", 4, "日…"],
    ["👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 3, "👩‍👩‍👧‍👦…"],
    ["x", 0, ""],
  ])("%s to %i is %s", (text, room, expected) => {
    expect(cut(text, room)).toBe(expected);
  });
});
