import { createHash } from "node:crypto";
import fs from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import git from "isomorphic-git";
import http from "isomorphic-git/http/node";
import type { GitCommit, GitRepository, TreeFile } from "../../../ports/git-source.ts";
import { failures } from "../failures.ts";
import { byPath, normalizePath } from "../tree.ts";
import type { CallName, Calls } from "./protocol.ts";

export type Engine = { readonly [Name in CallName]: (args: Calls[Name]["args"]) => Promise<Calls[Name]["result"]> };

/** Fetches after which a repository's parsed packs and indexes are forgotten, so that memory stays bounded. */
const CACHE_FETCHES_MAX = 200;

/**
 * Git in JavaScript: nothing to install. A repository on this machine (`file://`) is read where it is; one behind HTTP
 * is mirrored below `directory`.
 */
export function createEngine(directory: string): Engine {
  const caches = new Map<string, { cache: object; fetches: number }>();

  function cacheOf(gitdir: string): object {
    let entry = caches.get(gitdir);
    if (entry === undefined || entry.fetches > CACHE_FETCHES_MAX) {
      entry = { cache: {}, fetches: 0 };
      caches.set(gitdir, entry);
    }
    return entry.cache;
  }

  async function place(repository: GitRepository): Promise<{ gitdir: string; isLocal: boolean }> {
    if (repository.url.startsWith("file://")) return { gitdir: await localGitdir(repository), isLocal: true };
    if (!/^https?:\/\//.test(repository.url)) {
      throw failures.unsupported(repository, "this engine speaks https, http and file");
    }
    const name = createHash("sha256").update(repository.url).digest("hex").slice(0, 32);
    return { gitdir: join(directory, name), isLocal: false };
  }

  async function headOf(repository: GitRepository): Promise<CommitId> {
    const { gitdir, isLocal } = await place(repository);
    const ref = `refs/heads/${repository.branch}`;
    if (isLocal) {
      const oid = await git.resolveRef({ fs, gitdir, ref }).catch(() => null);
      if (oid === null) throw failures.noBranch(repository);
      // Others write there: packs that appeared since must be seen.
      caches.delete(gitdir);
      return oid as CommitId;
    }
    const credentials = transport(repository);
    const list = () =>
      git.listServerRefs({ http, url: repository.url, prefix: ref, protocolVersion: 2, ...credentials });
    // A kept connection may have been closed by the server meanwhile; that says nothing about the server.
    const refs = await list()
      .catch((error) => (isReset(error) ? list() : Promise.reject(error)))
      .catch((error) => Promise.reject(translate(repository, error)));
    const head = refs.find((candidate) => candidate.ref === ref)?.oid as CommitId | undefined;
    if (head === undefined) throw failures.noBranch(repository);
    if (await hasCommit(gitdir, head)) return head;

    await mkdir(gitdir, { recursive: true });
    await git.init({ fs, gitdir, bare: true });
    // It wants a remote with a refspec; the address itself is given at each fetch, and kept nowhere.
    await git.addRemote({ fs, gitdir, remote: "origin", url: "https://mirror.invalid", force: true });
    const cache = cacheOf(gitdir);
    await git
      .fetch({
        fs,
        http,
        gitdir,
        cache,
        url: repository.url,
        ref: repository.branch,
        remoteRef: ref,
        singleBranch: true,
        tags: false,
        ...credentials,
      })
      .catch((error) => Promise.reject(translate(repository, error)));
    const entry = caches.get(gitdir);
    if (entry !== undefined) entry.fetches += 1;
    // Without a local branch the next fetch would tell the server that it has nothing, and download everything again.
    await git.writeRef({ fs, gitdir, ref, value: head, force: true });
    return head;
  }

  async function hasCommit(gitdir: string, oid: string): Promise<boolean> {
    return git.readCommit({ fs, gitdir, oid, cache: cacheOf(gitdir) }).then(
      () => true,
      () => false,
    );
  }

  async function commitAt(gitdir: string, oid: CommitId): Promise<GitCommit> {
    const { commit } = await git.readCommit({ fs, gitdir, oid, cache: cacheOf(gitdir) });
    return {
      id: oid,
      author: commit.author.name,
      subject: (commit.message.split("\n", 1)[0] ?? "").slice(0, 200),
      committedAt: commit.committer.timestamp * 1000,
    };
  }

  async function treeAt(gitdir: string, oid: string, path: string): Promise<string | null> {
    const cache = cacheOf(gitdir);
    let tree = (await git.readCommit({ fs, gitdir, oid, cache })).commit.tree;
    for (const part of path === "" ? [] : path.split("/")) {
      const { tree: entries } = await git.readTree({ fs, gitdir, oid: tree, cache });
      const entry = entries.find((candidate) => candidate.path === part);
      if (entry?.type !== "tree") return null;
      tree = entry.oid;
    }
    return tree;
  }

  return {
    async fetch({ repository, knownHead }) {
      const { gitdir } = await place(repository);
      const id = await headOf(repository);
      const commit = await commitAt(gitdir, id);
      if (knownHead === null) return { commit, history: "first" };
      if (knownHead === id) return { commit, history: "unchanged" };
      const advanced = await git
        .isDescendent({ fs, gitdir, oid: id, ancestor: knownHead, depth: -1, cache: cacheOf(gitdir) })
        .catch(() => false);
      return { commit, history: advanced ? "advanced" : "rewritten" };
    },

    async treeOf({ repository, commit, path }) {
      const normal = normalizePath(path);
      return normal === null ? null : treeAt((await place(repository)).gitdir, commit, normal);
    },

    async listFiles({ repository, tree, filesMax }) {
      const { gitdir } = await place(repository);
      const cache = cacheOf(gitdir);
      const files: TreeFile[] = [];
      const todo = [{ oid: tree, prefix: "" }];
      for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
        const { tree: entries } = await git.readTree({ fs, gitdir, oid: next.oid, cache });
        for (const entry of entries) {
          const path = `${next.prefix}${entry.path}`;
          if (entry.type === "tree") {
            todo.push({ oid: entry.oid, prefix: `${path}/` });
            continue;
          }
          if (files.length >= filesMax) throw new AppError("too-large", `more than ${filesMax} files`);
          const mode = modeOf(entry.mode);
          const bytes =
            mode === "submodule" ? 0 : (await git.readBlob({ fs, gitdir, oid: entry.oid, cache })).blob.length;
          files.push({ path, oid: entry.oid, mode, bytes });
        }
      }
      return files.sort(byPath);
    },

    async readFiles({ repository, oids, bytesMax }) {
      const { gitdir } = await place(repository);
      const contents: Uint8Array[] = [];
      let total = 0;
      for (const oid of oids) {
        const { blob } = await git.readBlob({ fs, gitdir, oid, cache: cacheOf(gitdir) });
        total += blob.length;
        if (total > bytesMax) throw new AppError("too-large", `the files have more than ${bytesMax} bytes`);
        contents.push(blob);
      }
      return contents;
    },
  };
}

async function localGitdir(repository: GitRepository): Promise<string> {
  const path = fileURLToPath(repository.url);
  for (const candidate of [join(path, ".git"), path]) {
    if (await stat(join(candidate, "objects")).catch(() => null)) return candidate;
  }
  throw failures.noRepository(repository);
}

/** Offered once: a server that asks again has refused them. */
function transport(repository: GitRepository) {
  const { credentials } = repository;
  return {
    onAuth: () => {
      if (credentials === null) return { cancel: true };
      return credentials.kind === "basic"
        ? { username: credentials.username, password: credentials.password }
        : { username: "x-access-token", password: credentials.token };
    },
    onAuthFailure: () => ({ cancel: true }),
  };
}

const isReset = (error: unknown): boolean => (error as { code?: string }).code === "ECONNRESET";

function modeOf(mode: string): TreeFile["mode"] {
  switch (mode) {
    case "120000":
      return "symlink";
    case "160000":
      return "submodule";
    case "100755":
      return "executable";
    default:
      return "file";
  }
}

function translate(repository: GitRepository, error: unknown): AppError {
  const { code, data } = error as { code?: string; data?: { statusCode?: number } };
  const status = data?.statusCode;
  if (code === "UserCanceledError" || status === 401 || status === 403) return failures.refused(repository);
  if (status === 404) return failures.noRepository(repository);
  if (code === "NotFoundError") return failures.noBranch(repository);
  return failures.unreachable(repository, messageOf(error), error);
}
