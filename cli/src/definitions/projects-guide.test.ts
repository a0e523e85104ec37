import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readDefinitionFile } from "./definition-file.ts";

const page = readFileSync(new URL("../../../docs/guides/projects.md", import.meta.url), "utf8");

it("docs/guides/projects.md shows a Project that can be applied", () => {
  const [, text = ""] = /^```yaml\n([\s\S]*?)^```$/m.exec(page) ?? [];
  const { definitions, problems } = readDefinitionFile("projects.md", text);
  expect(problems).toEqual([]);
  expect(definitions).toHaveLength(1);
});
