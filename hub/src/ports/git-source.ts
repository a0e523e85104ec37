import type { Instant } from "@muster/shared/clock.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import { type Credentials, NO_CREDENTIALS } from "./credentials.ts";
import type { SourceTree } from "./source-tree.ts";

/** A repository and how it is spoken to, apart from what is wanted of it. */
export interface GitRemote {
  /** `https://`, `http://`, `ssh://`, `user@host:path` or `file://`; never with credentials in it. */
  readonly url: string;
  /**
   * Remotes of equal `url` and `scope` share one mirror, so whoever reads it must hold what `scope` stands for: the
   * name of the credential, `""` for none. The secrets themselves change too often to tell mirrors apart.
   */
  readonly scope: string;
  readonly credentials: Credentials;
  /** How submodules are reached, whose files are then read as if they were here; `false`: they are not looked into. */
  readonly submodules: false | SubmoduleAccess;
  /** Whether files kept by Git LFS are read as their contents. */
  readonly lfs: boolean;
}

/** A repository at `url`, without submodules and LFS. `scope` as in `GitRemote`. */
export const plainRemote = (url: string, scope = "", credentials: Credentials = NO_CREDENTIALS): GitRemote => ({
  url,
  scope,
  credentials,
  submodules: false,
  lfs: false,
});

/**
 * With which credentials a submodule's repository may be read.
 * @throws AppError "forbidden" when it may not be.
 */
export type SubmoduleAccess = (
  url: string,
  opts: { signal: AbortSignal },
) => Promise<Pick<GitRemote, "scope" | "credentials">>;

/** Exactly one of them, as a Source's definition has it. A short commit id is a prefix of at least four digits. */
export interface GitRef {
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  readonly semver?: string | undefined;
  readonly commit?: string | undefined;
}

export interface GitCommit {
  readonly id: CommitId;
  readonly subject: string;
  readonly author: string;
  readonly committedAt: Instant;
}

export interface WantedRef {
  readonly ref: GitRef;
  /** What this ref was known to be at. */
  readonly knownHead: CommitId | null;
}

export interface FoundRef {
  readonly kind: "found";
  readonly commit: GitCommit;
  /**
   * `first`: nothing was known. `rewritten`: of a branch, what was known is no ancestor of this commit. Of tags and
   * commits every other commit is `advanced`: whether a tag was moved is for who knows which tag it was.
   */
  readonly history: "first" | "unchanged" | "advanced" | "rewritten";
  /** Of `tag` and `semver`: which tag, and the id of its own object when it is an annotated one. */
  readonly tag: { readonly name: string; readonly object: string | null } | null;
}

export type RefResult =
  | FoundRef
  /** The repository was read, and this ref is not there, is several, or has submodules that cannot be read. */
  | { readonly kind: "missing" | "ambiguous" | "incomplete"; readonly reason: string; readonly fix: string };

/**
 * Git, as far as desired state needs it: refs, trees and file contents from a bare mirror, no work tree. Every call has
 * a deadline of its own besides `signal`. Remotes are reached only where the hub's rules for addresses allow it, at
 * every redirect anew.
 */
export interface GitSource {
  /**
   * Brings the mirror up to date for all that is wanted, in the order asked for: one listing of refs, and one pack when
   * there is something new. Whether one ref is there says nothing about the others.
   * @throws AppError "unavailable" (unreachable, timed out), "unauthenticated" (credentials refused or missing),
   * "forbidden" (an address that may not be reached), "not-found" (no such repository), "invalid" or "unsupported" (not
   * an address, or not a kind of repository, that this engine can read).
   */
  fetch(remote: GitRemote, opts: { wanted: readonly WantedRef[]; signal: AbortSignal }): Promise<readonly RefResult[]>;
  /**
   * The files of a fetched commit. Its calls throw AppError "unavailable" for a commit that was not fetched, and
   * "unsupported" for a file in Git LFS that was not asked for, or "invalid" for a broken submodule, naming its path.
   */
  treeAt(remote: GitRemote, commit: CommitId): SourceTree;
  /** A commit's or annotated tag's object as it was signed. @throws AppError "unavailable" when it was not fetched. */
  object(remote: GitRemote, id: string): Promise<Uint8Array>;
  /** Fetched commits whose ids begin so, ten at most: none, the one that is meant, or several. */
  resolveCommit(remote: GitRemote, prefix: string): Promise<readonly CommitId[]>;
  /** Whether `ancestor` is in the history of `descendant`, or is it. Commits that were not fetched are in none. */
  isAncestor(remote: GitRemote, ancestor: CommitId, descendant: CommitId): Promise<boolean>;
  close(): Promise<void>;
}
