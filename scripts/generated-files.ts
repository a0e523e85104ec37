import { cp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";

/** How a generated file in the checkout differs from what the generator writes now. */
export type Difference = { path: string; kind: "missing" | "stale" | "left over" };

/** Compares two folders by content; paths in the answer are relative and use `/`. A folder that is absent is empty. */
export async function compareFolders(fresh: string, committed: string): Promise<Difference[]> {
  const [wanted, present] = await Promise.all([listFiles(fresh), listFiles(committed)]);
  const differences: Difference[] = [];
  for (const path of wanted) {
    if (!present.includes(path)) differences.push({ path, kind: "missing" });
    else if (!(await isSameContent(join(fresh, path), join(committed, path)))) {
      differences.push({ path, kind: "stale" });
    }
  }
  for (const path of present) if (!wanted.includes(path)) differences.push({ path, kind: "left over" });
  return differences;
}

/**
 * Brings the committed folder in line with the fresh one. Only files that differ are touched, so that file watchers
 * and colleagues' editors see no needless change.
 */
export async function replaceFolder(fresh: string, committed: string): Promise<Difference[]> {
  const differences = await compareFolders(fresh, committed);
  for (const { path, kind } of differences) {
    const target = join(committed, path);
    if (kind === "left over") await rm(target);
    else {
      await mkdir(dirname(target), { recursive: true });
      await cp(join(fresh, path), target);
    }
  }
  return differences;
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

async function isSameContent(left: string, right: string): Promise<boolean> {
  return (await readFile(left)).equals(await readFile(right));
}
