import fs from "node:fs";
import { dirname, join } from "node:path";
import git from "isomorphic-git";
import type { Remote } from "../../../ports/git-source.contract.ts";

const author = { name: "Ada", email: "ada@example.com" };

/** A file's text, or the commit of another repository that stands in its place. */
type Entry = string | { readonly submodule: string };

export interface LocalRemote extends Omit<Remote, "url"> {
  commit(branch: string, files: Readonly<Record<string, Entry | null>>, message: string): Promise<string>;
}

/** A bare repository made and changed without a git binary. */
export async function localRemote(gitdir: string): Promise<LocalRemote> {
  await git.init({ fs, gitdir, bare: true, defaultBranch: "main" });

  async function writeFiles(
    base: ReadonlyMap<string, Entry>,
    files: Readonly<Record<string, Entry | null>>,
  ): Promise<{ tree: string; contents: Map<string, Entry> }> {
    const contents = new Map(base);
    for (const [path, content] of Object.entries(files)) {
      if (content === null) contents.delete(path);
      else contents.set(path, content);
    }
    return { tree: await writeTree([...contents]), contents };
  }

  async function writeTree(files: readonly (readonly [string, Entry])[]): Promise<string> {
    const below = Map.groupBy(files, ([path]) => path.split("/", 1)[0] as string);
    const tree = await Promise.all(
      [...below].map(async ([name, entries]) => {
        const [only] = entries;
        if (entries.length === 1 && only?.[0] === name) {
          if (typeof only[1] !== "string") {
            return { mode: "160000", path: name, oid: only[1].submodule, type: "commit" as const };
          }
          const oid = await git.writeBlob({ fs, gitdir, blob: Buffer.from(only[1]) });
          return { mode: "100644", path: name, oid, type: "blob" as const };
        }
        const oid = await writeTree(entries.map(([path, content]) => [path.slice(name.length + 1), content] as const));
        return { mode: "040000", path: name, oid, type: "tree" as const };
      }),
    );
    return git.writeTree({ fs, gitdir, tree });
  }

  const contentsOf = new Map<string, ReadonlyMap<string, Entry>>();
  const headOf = (branch: string): Promise<string | null> =>
    git.resolveRef({ fs, gitdir, ref: `refs/heads/${branch}` }).catch(() => null);

  async function put(
    branch: string,
    parent: string | null,
    files: Readonly<Record<string, Entry | null>>,
    message: string,
  ): Promise<string> {
    const { tree, contents } = await writeFiles(contentsOf.get(parent ?? "") ?? new Map(), files);
    const oid = await git.commit({
      fs,
      gitdir,
      tree,
      message,
      author,
      committer: author,
      parent: parent === null ? [] : [parent],
      ref: `refs/heads/${branch}`,
    });
    contentsOf.set(oid, contents);
    return oid;
  }

  return {
    async commit(branch, files, message) {
      return put(branch, await headOf(branch), files, message);
    },
    async rewrite(branch, files) {
      const head = (await headOf(branch)) as string;
      const { commit } = await git.readCommit({ fs, gitdir, oid: head });
      return put(branch, commit.parent[0] ?? null, files, "Rewritten");
    },
    async tag(name, commit, message) {
      const ref = { fs, gitdir, ref: name, object: commit, force: true };
      if (message === undefined) await git.tag(ref);
      else await git.annotatedTag({ ...ref, message, tagger: author });
    },
    async deleteBranch(branch) {
      await git.deleteRef({ fs, gitdir, ref: `refs/heads/${branch}` });
      // Empty folders that are left would stand in the way of a branch of that name.
      for (let at = dirname(branch); at !== "."; at = dirname(at)) fs.rmdirSync(join(gitdir, "refs", "heads", at));
    },
  };
}
