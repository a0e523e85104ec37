import { isAppError } from "@muster/shared/errors.ts";
import { readYaml } from "@muster/shared/manifest/read-yaml.ts";
import type { Generator } from "@muster/shared/model/definitions/app-set.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { GeneratorItem } from "../../core/app-set/expand.ts";
import { foldersOf, rootOfGlob, selectPaths } from "../../core/app-set/select-items.ts";
import { DEFINITION_LIMITS } from "../../core/definitions/parse-file.ts";
import type { SourceTree } from "../../ports/source-tree.ts";

/** Files below the folder that a pattern starts from. */
const FILES_MAX = 100_000;
const ITEMS_READ_MAX = 5_001;
const BYTES_MAX = 32 * 1024 * 1024;

export interface FoundItems {
  readonly items: readonly GeneratorItem[];
  readonly unread: readonly { readonly item: string; readonly problem: Problem }[];
}

type PathGenerator = NonNullable<Generator["directories"]>;

/** The folder whose object id says whether anything that a generator could find is another. `""` is the root. */
export const searchedFolder = ({ path }: PathGenerator): string => rootOfGlob(path);

/** Directories or files of a tree that a generator means, with what the files hold. */
export async function findItems(
  kind: "directory" | "file",
  generator: PathGenerator,
  tree: SourceTree,
): Promise<FoundItems | Problem> {
  let files: readonly { path: string; oid: string; mode: string }[];
  try {
    files = await tree.walk(searchedFolder(generator), { filesMax: FILES_MAX });
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    return tooMuch(error.message);
  }
  const paths = files.map(({ path }) => path);
  const selected = selectPaths(generator, kind === "directory" ? foldersOf(paths) : paths);
  if (selected === null) {
    const message = `"${generator.path}" has more alternatives than a pattern may have.`;
    return {
      code: "InvalidField",
      message,
      where: { field: "spec.generator" },
      fix: "Write fewer alternatives in braces.",
    };
  }
  if (kind === "directory") return { items: selected.map((path) => ({ kind: "directory", path })), unread: [] };
  return readItems(selected.slice(0, ITEMS_READ_MAX), new Map(files.map((file) => [file.path, file])), tree);
}

async function readItems(
  paths: readonly string[],
  files: ReadonlyMap<string, { oid: string; mode: string }>,
  tree: SourceTree,
): Promise<FoundItems | Problem> {
  const readable = paths.filter((path) => /^(file|executable)$/.test(files.get(path)?.mode ?? ""));
  let contents: readonly Uint8Array[];
  try {
    contents = await tree.read(
      readable.map((path) => files.get(path)?.oid as string),
      { bytesMax: BYTES_MAX },
    );
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    return tooMuch(error.message);
  }
  const items: GeneratorItem[] = [];
  const unread: { item: string; problem: Problem }[] = [];
  for (const [index, path] of readable.entries()) {
    const read = readFields(path, contents[index] as Uint8Array);
    if ("content" in read) items.push({ kind: "file", path, content: read.content as never });
    else unread.push({ item: `file ${path}`, problem: read.problem });
  }
  for (const path of paths) {
    if (readable.includes(path)) continue;
    const message = "a link is not followed, so what it leads to is not read.";
    unread.push({ item: `file ${path}`, problem: { code: "SymlinkRefused", message, where: { path } } });
  }
  return { items, unread };
}

function readFields(path: string, bytes: Uint8Array): { content: unknown } | { problem: Problem } {
  const problem = (code: Problem["code"], message: string, line = 1): { problem: Problem } => ({
    problem: { code, message, where: { path, line } },
  });
  if (bytes.length > DEFINITION_LIMITS.fileBytesMax)
    return problem("FileTooLarge", "the file is too large to hold fields.");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return problem("InvalidYaml", "the file is not text in UTF-8.");
  }
  const documents = [...readYaml(text, DEFINITION_LIMITS)];
  const broken = documents.find((document) => document.kind === "broken");
  if (broken !== undefined) return problem(broken.code, broken.message, broken.line);
  const [first, second] = documents;
  if (second !== undefined && second.kind === "document") {
    return problem("DefinitionInvalid", "a file of an AppSet holds one document.", second.lineOf(second.value));
  }
  return { content: first?.kind === "document" ? first.value : null };
}

const tooMuch = (said: string): Problem => ({
  code: "TooManyObjects",
  message: `${said}. Its Apps stay as they are.`,
  where: { field: "spec.generator" },
  fix: "Begin the pattern with the folder that it is about.",
});
