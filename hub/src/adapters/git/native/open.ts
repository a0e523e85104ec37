import { AppError } from "@muster/shared/errors.ts";
import type { GitRepository, GitSource, TreeFile } from "../../../ports/git-source.ts";
import { failures } from "../failures.ts";
import { byPath, normalizePath, parseTree } from "../tree.ts";
import { type Mirror, openMirror } from "./mirror.ts";

/** The native binary over bare mirrors in `directory`: one fetch process when something may have changed, one reader. */
export function openNativeGit(opts: { directory: string }): GitSource {
  const mirrors = new Map<string, Mirror>();

  function mirrorOf(repository: GitRepository): Mirror {
    if (!/^(https?|file):\/\//.test(repository.url)) {
      throw failures.unsupported(repository, "this engine speaks https, http and file");
    }
    const known = mirrors.get(repository.url);
    if (known !== undefined) return known;
    const mirror = openMirror(opts.directory, repository.url);
    mirrors.set(repository.url, mirror);
    return mirror;
  }

  return {
    async fetch(repository, { knownHead, signal }) {
      const mirror = mirrorOf(repository);
      const commit = await mirror.fetch(repository, signal);
      if (knownHead === null) return { commit, history: "first" };
      if (knownHead === commit.id) return { commit, history: "unchanged" };
      const advanced = await mirror.isAncestor(knownHead, commit.id, signal);
      return { commit, history: advanced ? "advanced" : "rewritten" };
    },

    async treeOf(repository, commit, path) {
      const normal = normalizePath(path);
      if (normal === null) return null;
      const reader = await mirrorOf(repository).reader();
      const object = await reader.info(normal === "" ? `${commit}^{tree}` : `${commit}:${normal}`);
      if (object === null && (await reader.info(`${commit}^{tree}`)) === null) {
        // The mirror was lost or is another's: that says nothing about the directory.
        throw new AppError("unavailable", `commit ${commit} is not in the mirror yet; it is fetched again`);
      }
      return object?.type === "tree" ? object.oid : null;
    },

    async listFiles(repository, tree, { filesMax }) {
      const reader = await mirrorOf(repository).reader();
      const files: TreeFile[] = [];
      async function visit(oid: string, prefix: string): Promise<void> {
        const object = await reader.contents(oid);
        if (object?.content == null) throw new AppError("not-found", `no tree ${oid}`);
        const below: Promise<void>[] = [];
        for (const entry of parseTree(object.content, oid.length / 2)) {
          const path = `${prefix}${entry.name}`;
          if (entry.mode === "tree") {
            below.push(visit(entry.oid, `${path}/`));
            continue;
          }
          const { mode } = entry;
          if (files.length >= filesMax) throw new AppError("too-large", `more than ${filesMax} files`);
          const at = files.push({ path, oid: entry.oid, mode, bytes: 0 }) - 1;
          if (mode === "submodule") continue;
          below.push(
            reader.info(entry.oid).then((blob) => {
              files[at] = { path, oid: entry.oid, mode, bytes: blob?.bytes ?? 0 };
            }),
          );
        }
        await Promise.all(below);
      }
      await visit(tree, "");
      return files.sort(byPath);
    },

    async readFiles(repository, oids, { bytesMax }) {
      const reader = await mirrorOf(repository).reader();
      const sizes = await Promise.all(oids.map((oid) => reader.info(oid)));
      const total = sizes.reduce((sum, object) => sum + (object?.bytes ?? 0), 0);
      if (total > bytesMax) throw new AppError("too-large", `the files have ${total} bytes; ${bytesMax} are the most`);
      return Promise.all(
        oids.map(async (oid) => {
          const object = await reader.contents(oid);
          if (object?.content == null) throw new AppError("not-found", `no blob ${oid}`);
          return object.content;
        }),
      );
    },

    async close() {
      await Promise.all([...mirrors.values()].map((mirror) => mirror.close()));
      mirrors.clear();
    },
  };
}
