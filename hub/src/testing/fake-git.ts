import { createHash } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import { formatRef } from "@muster/shared/model/definitions/source.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import { parseVersionRange } from "@muster/shared/version-range.ts";
import type { GitRef, GitRemote, GitSource, RefResult, WantedRef } from "../ports/git-source.ts";
import type { SourceTree } from "../ports/source-tree.ts";
import { type MemoryFile, MemoryTree } from "./memory-tree.ts";

type Files = Readonly<Record<string, MemoryFile>>;

interface Commit {
  readonly tree: MemoryTree;
  readonly subject: string;
  readonly parents: ReadonlySet<string>;
}

const sha1 = (text: string): string => createHash("sha1").update(text).digest("hex");

/** A forge in memory: commits are pushed by tests, and it can refuse, hang or lose a branch. */
export class FakeGit implements GitSource {
  readonly #commits = new Map<string, Commit>();
  /** `<url> <full name of the ref>` → commit. */
  readonly #refs = new Map<string, CommitId>();
  /** Every fetch fails with this error, until it is null again. */
  failure: AppError | null = null;
  fetches = 0;
  listings = 0;

  /** A commit with exactly these files; returns its id. `amend` rewrites history: the old head is no ancestor. */
  push(
    url: string,
    files: Files,
    opts: { subject?: string; amend?: boolean; symlinks?: readonly string[]; branch?: string } = {},
  ): CommitId {
    const ref = `${url} refs/heads/${opts.branch ?? "main"}`;
    const head = this.#refs.get(ref);
    const before = head === undefined || opts.amend ? [] : [head, ...(this.#commits.get(head)?.parents ?? [])];
    const subject = opts.subject ?? "change";
    const id = sha1(JSON.stringify([url, files, subject, this.#commits.size, opts])) as CommitId;
    const linked = Object.entries(files).map(([path, file]): [string, MemoryFile] =>
      opts.symlinks?.includes(path) ? [path, { symlink: String(file) }] : [path, file],
    );
    this.#commits.set(id, { tree: new MemoryTree(Object.fromEntries(linked)), subject, parents: new Set(before) });
    this.#refs.set(ref, id);
    return id;
  }

  tag(url: string, tag: string, commit: CommitId): void {
    this.#refs.set(`${url} refs/tags/${tag}`, commit);
  }

  deleteBranch(url: string, branch = "main"): void {
    this.#refs.delete(`${url} refs/heads/${branch}`);
  }

  /** Points the branch at a commit that is there already: a lagging mirror, or a force push back. */
  reset(url: string, to: CommitId): void {
    this.#refs.set(`${url} refs/heads/main`, to);
  }

  async fetch(
    { url }: GitRemote,
    { wanted, signal }: { wanted: readonly WantedRef[]; signal?: AbortSignal },
  ): Promise<readonly RefResult[]> {
    signal?.throwIfAborted();
    this.fetches += 1;
    if (this.failure) throw this.failure;
    return wanted.map(({ ref, knownHead }): RefResult => {
      const { id, tag } = this.#find(url, ref);
      const found = id === null ? undefined : this.#commits.get(id);
      if (id === null || found === undefined) {
        return { kind: "missing", reason: `${url} has no ${formatRef({ ...ref })}`, fix: "Push it." };
      }
      const commit = { id, subject: found.subject, author: "Ada <ada@example.com>", committedAt: 1_700_000_000_000 };
      const isRewritten = ref.branch !== undefined && knownHead !== null && !found.parents.has(knownHead);
      const history =
        knownHead === null ? "first" : knownHead === id ? "unchanged" : isRewritten ? "rewritten" : "advanced";
      return { kind: "found", commit, history, tag: tag === null ? null : { name: tag, object: null } };
    });
  }

  #find(url: string, { branch, tag, semver, commit }: GitRef): { id: CommitId | null; tag: string | null } {
    if (branch !== undefined) return { id: this.#refs.get(`${url} refs/heads/${branch}`) ?? null, tag: null };
    if (commit !== undefined) {
      return { id: ([...this.#commits.keys()].find((id) => id.startsWith(commit)) as CommitId) ?? null, tag: null };
    }
    const prefix = `${url} refs/tags/`;
    const tags = [...this.#refs.keys()].flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
    const name = tag ?? parseVersionRange(semver ?? "").highestOf(tags);
    return { id: this.#refs.get(`${prefix}${name}`) ?? null, tag: name };
  }

  treeAt(_remote: GitRemote, commit: CommitId): SourceTree {
    const open = async (): Promise<MemoryTree> => this.#treeOfCommit(commit);
    return {
      entry: async (path) => (await open()).entry(path),
      list: async (path) => (await open()).list(path),
      walk: async (path, opts) => {
        this.listings += 1;
        return (await open()).walk(path, opts);
      },
      read: async (oids, opts) => (await open()).read(oids, opts),
    };
  }

  #treeOfCommit(commit: string): MemoryTree {
    const found = this.#commits.get(commit);
    if (found === undefined) throw new AppError("unavailable", `commit ${commit} was not fetched`);
    return found.tree;
  }

  async object(_remote: GitRemote, id: string): Promise<Uint8Array> {
    const [parent] = this.#commits.get(id)?.parents ?? [];
    this.#treeOfCommit(id);
    return new TextEncoder().encode(`${parent === undefined ? "" : `parent ${parent}\n`}\nthe object ${id}`);
  }

  async resolveCommit(_remote: GitRemote, prefix: string): Promise<readonly CommitId[]> {
    return [...this.#commits.keys()].filter((id) => id.startsWith(prefix)) as CommitId[];
  }

  async isAncestor(_remote: GitRemote, ancestor: CommitId, descendant: CommitId): Promise<boolean> {
    const found = this.#commits.get(descendant);
    return found !== undefined && (ancestor === descendant || found.parents.has(ancestor));
  }

  async close(): Promise<void> {}
}
