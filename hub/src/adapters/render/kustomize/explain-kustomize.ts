import type { Problem } from "@muster/shared/model/problem.ts";

const MESSAGE_LENGTH_MAX = 1_200;
/** Of thousands of files, each is looked for in it: the last words are those that tell. */
const LOOKED_INTO_MAX = 16_384;

/** What kustomize said, told as a problem at the file that it is about, as far as it says which. */
export function explainKustomize(
  errors: string,
  { kustomization, paths }: { kustomization: string; paths: ReadonlySet<string> },
): Problem {
  const said = lastError(errors).replaceAll("/trees/own/", "");
  const ending = said.slice(-LOOKED_INTO_MAX);
  const path = mentioned(ending, paths) ?? byName(ending, paths) ?? kustomization;
  const line = /\bline (\d+)\b/.exec(said)?.[1];
  const isAliasBomb = /excessive aliasing|exceeded max alias|excessively aliased/i.test(said);
  return {
    code: isAliasBomb ? "TooManyAliases" : "RenderFailed",
    message: `kustomize: ${said.slice(0, MESSAGE_LENGTH_MAX)}`,
    where: { path, ...(line === undefined || Number(line) < 1 ? {} : { line: Number(line) }) },
    fix: "kustomize build in a clone of the repository says the same; correct it there and push.",
  };
}

/** Warnings and traces come before. */
function lastError(errors: string): string {
  const start = errors.lastIndexOf("Error: ");
  const said = (start < 0 ? errors : errors.slice(start + "Error: ".length)).trim();
  // Every way that was tried is told, one in the other; what a file is no directory for is of no interest to anyone.
  return (
    said.replace(/: must build at directory: '[^']{0,1000}': file is not directory/g, "") ||
    "it failed, and said nothing"
  );
}

/** The file that is named last: errors are told from the outside in. The longest of those that end at one place. */
function mentioned(said: string, paths: ReadonlySet<string>): string | null {
  let found: { path: string; end: number } | null = null;
  for (const path of paths) {
    const at = said.lastIndexOf(path);
    if (at < 0) continue;
    const end = at + path.length;
    if (found === null || end > found.end || (end === found.end && path.length > found.path.length))
      found = { path, end };
  }
  return found?.path ?? null;
}

/** Some faults are told with the name that a file has in its own folder. */
function byName(said: string, paths: ReadonlySet<string>): string | null {
  const name = /\bin File: (\S+)/.exec(said)?.[1];
  const found = [...paths].filter((path) => path === name || path.endsWith(`/${name}`));
  return found.length === 1 ? (found[0] as string) : null;
}
