import { setImmediate as breathe } from "node:timers/promises";
import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { type ParsedDocument, parseDefinitionFile } from "../../core/definitions/parse-file.ts";
import type { SourceTree } from "../../ports/source-tree.ts";

const FILES_MAX = 5_000;
const BYTES_MAX = 32 * 1024 * 1024;
const DOCUMENTS_MAX = 10_000;
/** The hub does something else after so long. */
const SLICE_MS = 8;

/** Documents of files by path and object id: what did not change is not read again. */
export type ParsedFiles = ReadonlyMap<string, readonly ParsedDocument[]>;

export interface GatheredDocuments {
  readonly documents: readonly ParsedDocument[];
  readonly unread: readonly Problem[];
  readonly files: ParsedFiles;
}

/** The definitions below a directory; everything that cannot be read is told, and keeps deletions away. */
export async function gatherDocuments(
  tree: SourceTree,
  { path: written, commit, before, clock }: { path: string; commit: string; before: ParsedFiles; clock: Clock },
): Promise<GatheredDocuments> {
  const path = plainPath(written);
  if (path === null) {
    const message = `spec.definitions.path ${written} leads out of the repository.`;
    return nothing({
      code: "PathOutside",
      message,
      where: { field: "spec.definitions.path" },
      fix: "Name a directory of the repository.",
    });
  }
  const unread: Problem[] = [];
  const files: { path: string; oid: string }[] = [];
  try {
    for (const entry of await tree.walk(path, { filesMax: FILES_MAX })) {
      if (!/\.(ya?ml|json)$/i.test(entry.path)) continue;
      if (entry.mode === "file" || entry.mode === "executable") files.push(entry);
      else unread.push(notAFile(entry.path, entry.mode, commit));
    }
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    return nothing({
      code: "TooManyObjects",
      message: `${error.message}.`,
      where: { commit, path },
      fix: "Keep definitions in a directory of their own.",
    });
  }
  const parsed = new Map<string, readonly ParsedDocument[]>();
  const keyOf = (file: { path: string; oid: string }): string => `${file.oid} ${file.path}`;
  const fresh = files.filter((file) => !before.has(keyOf(file)));
  let contents: readonly Uint8Array[];
  try {
    contents =
      fresh.length === 0
        ? []
        : await tree.read(
            fresh.map(({ oid }) => oid),
            { bytesMax: BYTES_MAX },
          );
  } catch (error) {
    if (!isAppError(error, "too-large")) throw error;
    return nothing({
      code: "FileTooLarge",
      message: `${error.message}.`,
      where: { commit, path },
      fix: "Split the definitions over several Sources.",
    });
  }
  let count = 0;
  let slice = clock.now();
  const documents: ParsedDocument[] = [];
  const read = new Map(fresh.map((file, index) => [keyOf(file), contents[index] as Uint8Array]));
  for (const file of files) {
    const key = keyOf(file);
    const known = before.get(key);
    const found: ParsedDocument[] = [...(known ?? [])];
    if (known === undefined) {
      for (const some of parseDefinitionFile(file.path, read.get(key) as Uint8Array)) {
        found.push(...some);
        if (clock.now() - slice < SLICE_MS) continue;
        await breathe();
        slice = clock.now();
      }
    }
    parsed.set(key, found);
    count += found.length;
    if (count > DOCUMENTS_MAX) {
      return nothing({
        code: "TooManyObjects",
        message: `There are more than ${DOCUMENTS_MAX} definitions; none of them is taken.`,
        where: { commit, path },
        fix: "Split them over several Sources.",
      });
    }
    documents.push(...found);
  }
  return { documents: documents.map((document) => withCommit(document, commit)), unread, files: parsed };
}

const nothing = (problem: Problem): GatheredDocuments => ({ documents: [], unread: [problem], files: new Map() });

/** `""` is the root; null leads out. */
export function plainPath(path: string): string | null {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? null : parts.join("/");
}

function notAFile(path: string, mode: string, commit: string): Problem {
  const code = mode === "symlink" ? "SymlinkRefused" : "SubmoduleRefused";
  return {
    code,
    message: `a ${mode} is not followed, so what it leads to is not read.`,
    where: { path, commit },
    fix: "Put the definitions themselves here.",
  };
}

const withCommit = (document: ParsedDocument, commit: string): ParsedDocument =>
  "problem" in document
    ? { ...document, problem: { ...document.problem, where: { commit, ...document.problem.where } } }
    : document;
