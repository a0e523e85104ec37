import { createHash } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { GitRepository, GitSource, TreeFile } from "../ports/git-source.ts";

type Files = Readonly<Record<string, string>>;
type Entry = { content: string; mode: TreeFile["mode"] };

const sha1 = (text: string): string => createHash("sha1").update(text).digest("hex");

/** A forge in memory: commits are pushed by tests, and it can refuse, hang or lose a branch. */
export class FakeGit implements GitSource {
  readonly #commits = new Map<string, { files: Map<string, Entry>; subject: string; parents: Set<string> }>();
  readonly #heads = new Map<string, CommitId>();
  readonly #blobs = new Map<string, string>();
  readonly #treeIds = new Map<string, string>();
  readonly #trees = new Map<string, Map<string, Entry>>();
  /** Every call of these fails with this error, until it is null again. */
  failure: AppError | null = null;
  fetches = 0;
  listings = 0;

  /** A commit with exactly these files; returns its id. `amend` rewrites history: the old head is no ancestor. */
  push(
    url: string,
    files: Files,
    opts: { subject?: string; amend?: boolean; symlinks?: readonly string[] } = {},
  ): CommitId {
    const head = this.#heads.get(url);
    const before = head === undefined || opts.amend ? new Set<string>() : new Set(this.#commits.get(head)?.parents);
    if (head !== undefined && !opts.amend) before.add(head);
    const subject = opts.subject ?? "change";
    const id = sha1(JSON.stringify([url, files, subject, this.#commits.size, opts])) as CommitId;
    const entries = new Map<string, Entry>();
    for (const [path, content] of Object.entries(files)) {
      entries.set(path, { content, mode: opts.symlinks?.includes(path) ? "symlink" : "file" });
    }
    this.#commits.set(id, { files: entries, subject, parents: before });
    this.#heads.set(url, id);
    return id;
  }

  deleteBranch(url: string): void {
    this.#heads.delete(url);
  }

  /** Points the branch at a commit that is there already: a lagging mirror, or a force push back. */
  reset(url: string, to: CommitId): void {
    this.#heads.set(url, to);
  }

  async fetch(repository: GitRepository, opts: { knownHead: CommitId | null }) {
    this.fetches += 1;
    if (this.failure) throw this.failure;
    const id = this.#heads.get(repository.url);
    const found = id === undefined ? undefined : this.#commits.get(id);
    if (id === undefined || found === undefined) throw new AppError("not-found", `no branch ${repository.branch}`);
    const commit = { id, subject: found.subject, author: "Ada <ada@example.com>", committedAt: 1_700_000_000_000 };
    if (opts.knownHead === null) return { commit, history: "first" as const };
    if (opts.knownHead === id) return { commit, history: "unchanged" as const };
    return { commit, history: found.parents.has(opts.knownHead) ? ("advanced" as const) : ("rewritten" as const) };
  }

  async treeOf(_repository: GitRepository, commit: CommitId, path: string): Promise<string | null> {
    const known = this.#treeIds.get(`${commit} ${path}`);
    if (known !== undefined) return known;
    const files = this.#commits.get(commit)?.files;
    if (files === undefined) throw new AppError("unavailable", `commit ${commit} was not fetched`);
    const prefix = path === "." || path === "" ? "" : `${path}/`;
    const below = [...files].filter(([file]) => file.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    if (below.length === 0) return null;
    const entries = new Map(below.map(([file, entry]) => [file.slice(prefix.length), entry]));
    const id = sha1(JSON.stringify([...entries]));
    this.#trees.set(id, entries);
    this.#treeIds.set(`${commit} ${path}`, id);
    return id;
  }

  async listFiles(_repository: GitRepository, tree: string): Promise<readonly TreeFile[]> {
    this.listings += 1;
    return [...(this.#trees.get(tree) ?? [])].map(([path, { content, mode }]) => {
      const oid = sha1(content);
      this.#blobs.set(oid, content);
      return { path, oid, mode, bytes: content.length };
    });
  }

  async readFiles(_repository: GitRepository, oids: readonly string[]): Promise<readonly Uint8Array[]> {
    return oids.map((oid) => new TextEncoder().encode(this.#blobs.get(oid) ?? ""));
  }

  async close(): Promise<void> {}
}
