import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readDefinitionFile } from "./definition-file.ts";

const folder = new URL("../../../docs/guides/", import.meta.url);
const pages = readdirSync(folder).filter((page) => page.endsWith(".md"));
/** A block that begins with a comment that names a file is that file of a repository; the end-to-end tests use those. */
const FILE = /^# (?:[a-z-]+\.git\/)?[\w./-]+\.yaml\n/;
/** A block that begins with `spec:` shows some fields of an App. */
const PART_OF_AN_APP = `apiVersion: muster.dev/v1alpha1
kind: App
metadata: { name: some }
spec:
  source: { name: fleet }
  clusters: { all: true }
`;
const examples = pages.flatMap((page) =>
  [...readFileSync(new URL(page, folder), "utf8").matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(
    ([, text = ""], index) => ({ page, number: index + 1, text }),
  ),
);

describe("docs/guides", () => {
  it.each(examples.filter(({ text }) => !FILE.test(text)))("$page: block $number can be applied", ({ page, text }) => {
    const { definitions, problems } = readDefinitionFile(page, text.replace(/^spec:\n/, PART_OF_AN_APP));
    expect(problems).toEqual([]);
    expect(definitions).not.toEqual([]);
  });

  it("show sources, rendering, placement and overrides", () => {
    for (const page of ["sources.md", "rendering.md", "placement.md", "overrides.md"]) {
      expect(examples.filter((example) => example.page === page).length, page).toBeGreaterThan(0);
    }
  });

  it.each(pages)("%s links to pages and headings that are there", (page) => {
    const text = readFileSync(new URL(page, folder), "utf8");
    for (const [, target = "", heading] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
      const linked = readFileSync(new URL(target || page, folder), "utf8");
      const headings = [...linked.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
        title
          .toLowerCase()
          .replaceAll(/[^\w -]/g, "")
          .replaceAll(" ", "-"),
      );
      if (heading !== undefined) expect(headings, `${page}: ${target}#${heading}`).toContain(heading);
    }
  });
});
