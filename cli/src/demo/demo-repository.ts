import fs from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import git from "isomorphic-git";

/** A Git repository on this machine, made with JavaScript alone: whoever tries the demo needs no Git. */
export interface DemoRepository {
  /** What the hub tracks. */
  readonly url: string;
  /** Writes the files and commits them on `main`; answers the commit's id. */
  commit(files: Readonly<Record<string, string>>, message: string): Promise<string>;
}

const AUTHOR = { name: "Muster demo", email: "demo@example.com" };

/** Makes an empty repository in `directory`, which belongs to the caller. */
export async function createDemoRepository(directory: string): Promise<DemoRepository> {
  await git.init({ fs, dir: directory, defaultBranch: "main" });
  return {
    url: pathToFileURL(directory).href,
    async commit(files, message) {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(directory, path)), { recursive: true });
        await writeFile(join(directory, path), content);
        await git.add({ fs, dir: directory, filepath: path });
      }
      return git.commit({ fs, dir: directory, message, author: AUTHOR });
    },
  };
}
