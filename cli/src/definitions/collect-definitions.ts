import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { EXIT, Failure } from "../failure.ts";
import { type FileProblem, readDefinitionFile, type WrittenDefinition } from "./definition-file.ts";

const BYTES_MAX = 8 * 1024 * 1024;
const FILES_MAX = 1_000;

/**
 * Reads the definitions of files, folders (every `.yaml`, `.yml` and `.json` below them, in order) and `-`, standard
 * input. @throws Failure when a path cannot be read or there is too much.
 */
export async function collectDefinitions(
  paths: readonly string[],
  readInput: (bytesMax: number) => Promise<string>,
): Promise<{ definitions: readonly WrittenDefinition[]; problems: readonly FileProblem[] }> {
  const definitions: WrittenDefinition[] = [];
  const problems: FileProblem[] = [];
  let bytes = 0;
  const take = (file: string, text: string) => {
    bytes += Buffer.byteLength(text);
    if (bytes > BYTES_MAX)
      throw new Failure(EXIT.failed, `The definitions are larger than ${BYTES_MAX >> 20} MiB together.`);
    const read = readDefinitionFile(file, text);
    definitions.push(...read.definitions);
    problems.push(...read.problems);
  };
  for (const path of paths) {
    if (path === "-") take("standard input", await readInput(BYTES_MAX));
    else for (const file of await filesOf(path)) take(file, await readText(file));
  }
  return { definitions, problems };
}

async function filesOf(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch((error: Error) => {
    throw new Failure(EXIT.failed, `cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (files.length > FILES_MAX) throw new Failure(EXIT.failed, `${path} holds more than ${FILES_MAX} files.`);
  return files;
}

async function readText(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > BYTES_MAX) throw new Failure(EXIT.failed, `${file} is larger than ${BYTES_MAX >> 20} MiB.`);
  return readFile(file, "utf8");
}
