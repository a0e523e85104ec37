import type { GitRemote } from "../../ports/git-source.ts";
import type { Link } from "./link.ts";
import type { RemoteRefs } from "./list-refs.ts";

export interface GitObject {
  readonly type: "commit" | "tree" | "blob" | "tag";
  readonly bytes: Uint8Array;
}

/** An object to bring, and the name under which the mirror keeps it alive. */
export interface Pull {
  readonly oid: string;
  readonly slot: string;
}

/**
 * A bare copy of one remote, as each engine keeps it. Objects only come; what a branch has left stays readable. A slot
 * holds an object only once everything below it is there.
 */
export interface Mirror {
  /** What each slot holds. */
  slots(): Promise<ReadonlyMap<string, string>>;
  /**
   * One pack with everything new, and the slots set. @throws AppError "not-found" (the message names an object id that
   * the server does not give), and as `GitSource.fetch`.
   */
  pull(remote: GitRemote, link: Link, pulls: readonly Pull[], signal: AbortSignal): Promise<void>;
  /** In the order asked for; null for what is not here. */
  objects(oids: readonly string[]): Promise<readonly (GitObject | null)[]>;
  /** Bytes of each, without reading them where that can be helped. */
  sizes(oids: readonly string[]): Promise<readonly (number | null)[]>;
  commitsBeginning(prefix: string, max: number): Promise<readonly string[]>;
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  /** Refs of a repository of this machine. */
  localRefs(path: string, signal: AbortSignal): Promise<RemoteRefs>;
  close(): Promise<void>;
}
