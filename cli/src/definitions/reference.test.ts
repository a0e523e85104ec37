import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readDefinitionFile } from "./definition-file.ts";

const page = readFileSync(new URL("../../../docs/reference/definitions.md", import.meta.url), "utf8");
const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);

describe("docs/reference/definitions.md", () => {
  it.each(examples.map((text, index) => [index + 1, text] as const))("example %i can be applied", (_, text) => {
    const { definitions, problems } = readDefinitionFile("definitions.md", text);
    expect(problems).toEqual([]);
    expect(definitions).not.toEqual([]);
  });

  it("shows every kind", () => {
    for (const kind of ["Source", "App", "Cluster"]) expect(examples.join("")).toContain(`kind: ${kind}\n`);
  });
});
