import { substitute } from "@muster/shared/manifest/substitute.ts";
import { describe, expect, it } from "vitest";
import { fillTemplate } from "./fill-template.ts";

const values = new Map<string, never>(
  Object.entries({
    "directory.name": "shop",
    "file.replicas": 3,
    "file.isPublic": true,
    "file.nothing": null,
    "file.empty": "",
    "file.tricky": "${tier} $${x} {y}",
    "file.brace": "a}b",
    "file.open": "{tier}",
    "file.cluster": { region: "eu", note: "${tier}" },
    "file.cluster.region": "eu",
    "file.hosts": ["a", "b"],
  }) as [string, never][],
);

describe("fillTemplate", () => {
  it.each([
    ["apps/${directory.name}/base", "apps/shop/base"],
    ["${file.replicas}", 3],
    ["n${file.replicas}", "n3"],
    ["${file.isPublic}", true],
    ["${file.cluster}", { region: "eu", note: "$${tier}" }],
    ["${file.hosts}", ["a", "b"]],
    ["${file.nothing:-x}", "x"],
    ["${file.missing-${directory.name}}", "shop"],
    ["${file.empty}", ""],
    ["${file.empty:-x}", "x"],
    // left for the App
    ["${tier}-${cluster.name}", "${tier}-${cluster.name}"],
    ["${tier:-${directory.name}}", "${tier:-shop}"],
    ["${cluster.labels.a/b-}", "${cluster.labels.a/b-}"],
    ["${file.missing:-${cluster.name}.example.com}", "${cluster.name}.example.com"],
    ["$${directory.name} $${tier} $HOME", "$${directory.name} $${tier} $HOME"],
    ["$$$${x}", "$$$${x}"],
  ])("%s becomes %j", (text, expected) => {
    expect(fillTemplate(text, values)).toMatchObject({ kind: "filled", value: expected });
  });

  it.each([
    ["${file.tricky}", "${tier} $${x} {y}"],
    ["$$${file.open}", "${tier}"],
    ["a${file.tricky}$$${tier}", "a${tier} $${x} {y}$gold"],
    ["${tier:-$${x}}", "gold"],
    ["$$${tier}", "$gold"],
  ])("%s is text to the App, whatever its value looks like", (text, expected) => {
    const filled = fillTemplate(text, values);
    expect(filled.kind).toBe("filled");
    const later = filled.kind === "filled" ? substitute(filled.value as string, { tier: "gold" }) : null;
    expect(later).toEqual({ kind: "text", text: expected });
  });

  it.each([
    ["${directory.nam}", "UnknownVariable", "Did you mean directory.name?"],
    ["${directry.name}", "UnknownVariable", "Did you mean directory.name?"],
    ["${label.value}", "UnknownVariable", "label.value has no value here"],
    ["${file.nothing}", "UnknownVariable", "file.nothing has no value here"],
    ["x-${file.cluster}", "InvalidSubstitution", "is a mapping, which cannot stand inside a text"],
    ["x-${file.hosts}", "InvalidSubstitution", "is a list"],
    ["${tier:-${file.brace}}", "InvalidSubstitution", "cut short by a brace"],
    ["${directory.name", "InvalidSubstitution", "is no variable"],
  ])("%s is a fault", (text, code, message) => {
    expect(fillTemplate({ a: [text] }, values)).toMatchObject({
      kind: "faulty",
      faults: [{ code, message: expect.stringContaining(message), path: ["a", 0], fix: expect.any(String) }],
    });
  });
});
