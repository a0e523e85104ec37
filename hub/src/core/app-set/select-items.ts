import { matchesAny, parseWholeGlob } from "@muster/shared/glob.ts";
import type { Generator } from "@muster/shared/model/definitions/app-set.ts";
import type { Labels } from "@muster/shared/model/selector.ts";

/**
 * The folder from which a pattern's matches are to be looked for: its parts before the first wild one. `""` is the root.
 * What is above needs no listing, and a change elsewhere changes nothing.
 */
export function rootOfGlob(pattern: string): string {
  const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
  const wild = parts.findIndex((part) => /[*?[{\\]/.test(part));
  // Without anything wild the last part is the match itself.
  return parts.slice(0, wild < 0 ? -1 : wild).join("/");
}

/** Every folder above these files, from the root of the tree, in order. */
export function foldersOf(filePaths: Iterable<string>): readonly string[] {
  const folders = new Set<string>();
  for (const path of filePaths) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const folder = path.slice(0, end);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return [...folders].sort();
}

type PathGenerator = NonNullable<Generator["directories"]>;

/**
 * The paths (of directories or files) that a generator means, in order. `path` is for the whole path, as in a shell;
 * `exclude` is as in .gitignore. What is hidden (a part of its path begins with a dot) counts only when `path` says so.
 * Null when `path` has more alternatives than anyone needs.
 */
export function selectPaths({ path, exclude }: PathGenerator, paths: Iterable<string>): readonly string[] | null {
  const glob = parseWholeGlob(path);
  if (glob === null) return null;
  const isExcluded = matchesAny(exclude);
  const wantsHidden = /(^|[/{,])\./.test(path.replace(/^\.\//, ""));
  return [...paths]
    .filter((each) => glob.matches(each) && !isExcluded(each) && (wantsHidden || !/(^|\/)\./.test(each)))
    .sort();
}

/** The distinct values that clusters have for a label, in order. An empty value is none. */
export function labelValues(key: string, clusters: Iterable<{ readonly labels: Labels }>): readonly string[] {
  const values = new Set<string>();
  for (const { labels } of clusters) {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (value !== undefined && value !== "") values.add(value);
  }
  return [...values].sort();
}
