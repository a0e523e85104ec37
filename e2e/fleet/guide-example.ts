import { readFileSync } from "node:fs";
import { loadAll } from "js-yaml";

/** What a guide shows under one heading: files of repositories, and definitions. */
export interface GuideExample {
  /** Repository (`fleet.git`) -> path -> content. */
  readonly files: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly definitions: readonly Definition[];
}

export interface Definition {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly project?: string };
  // biome-ignore lint/suspicious/noExplicitAny: read from a page, and changed field by field
  readonly spec: any;
}

const DEFAULT_REPOSITORY = "fleet.git";

/**
 * Reads the fenced YAML below a `##` heading of `docs/guides/PAGE.md`. A block whose first line is a comment with a path,
 * `# apps/shop/a.yaml` or `# shop.git/a.yaml`, is that file; any other holds definitions.
 */
export function guideExample(page: string, heading: string): GuideExample {
  const text = readFileSync(new URL(`../../docs/guides/${page}.md`, import.meta.url), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`docs/guides/${page}.md has no heading "${heading}"`);
  const files = new Map<string, Record<string, string>>();
  const definitions: Definition[] = [];
  for (const [, block = ""] of section.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)) {
    const named = /^# (?:([a-z-]+\.git)\/)?(\S+)\n/.exec(block);
    if (named === null) {
      definitions.push(...(loadAll(block) as unknown as Definition[]));
      continue;
    }
    const [first, repository = DEFAULT_REPOSITORY, path = ""] = named;
    files.set(repository, { ...files.get(repository), [path]: block.slice(first.length) });
  }
  return { files, definitions };
}
