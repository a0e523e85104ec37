import type { Instant } from "@muster/shared/clock.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";

/** One repository at one branch. Credentials are already resolved; they are used, and never logged or stored. */
export interface GitRepository {
  readonly url: string;
  readonly branch: string;
  readonly credentials: GitCredentials | null;
}

export type GitCredentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string };

export interface GitCommit {
  readonly id: CommitId;
  readonly subject: string;
  readonly author: string;
  readonly committedAt: Instant;
}

export interface GitHead {
  readonly commit: GitCommit;
  /** `rewritten`: the head that was known before is not an ancestor of this one. */
  readonly history: "first" | "unchanged" | "advanced" | "rewritten";
}

export interface TreeFile {
  /** Relative to the tree that was listed, `/`-separated. */
  readonly path: string;
  readonly oid: string;
  readonly mode: "file" | "executable" | "symlink" | "submodule";
  readonly bytes: number;
}

/**
 * Git, as far as desired state needs it: heads, trees and file contents from a bare mirror, no work tree.
 * Every call has a deadline of its own besides `signal`.
 */
export interface GitSource {
  /**
   * Brings the branch up to date: one ls-refs when nothing changed, one small pack otherwise.
   * @throws AppError "unavailable" (unreachable, timed out), "unauthenticated" (credentials refused or missing),
   * "not-found" (the repository or the branch is not there), "invalid" (not an address this engine can speak).
   */
  fetch(repository: GitRepository, opts: { knownHead: CommitId | null; signal: AbortSignal }): Promise<GitHead>;
  /**
   * Object id of the directory at `path` in a fetched commit: equal ids mean equal content, so nothing to render.
   * Null when there is no such directory. @throws AppError "unavailable" for a commit that was not fetched.
   */
  treeOf(repository: GitRepository, commit: CommitId, path: string): Promise<string | null>;
  /** Every file below a tree, ordered by path. @throws AppError "too-large" above `filesMax`. */
  listFiles(repository: GitRepository, tree: string, opts: { filesMax: number }): Promise<readonly TreeFile[]>;
  /** Contents in the order asked for. @throws AppError "too-large" when they exceed `bytesMax` together. */
  readFiles(
    repository: GitRepository,
    oids: readonly string[],
    opts: { bytesMax: number },
  ): Promise<readonly Uint8Array[]>;
  close(): Promise<void>;
}
