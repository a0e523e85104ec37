import type { ErrorCode } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { GitHead, GitRepository, TreeFile } from "../../../ports/git-source.ts";

/** The calls of `GitSource` as they cross to the worker that does the inflating and parsing. */
export interface Calls {
  fetch: { args: { repository: GitRepository; knownHead: CommitId | null }; result: GitHead };
  treeOf: { args: { repository: GitRepository; commit: CommitId; path: string }; result: string | null };
  listFiles: { args: { repository: GitRepository; tree: string; filesMax: number }; result: readonly TreeFile[] };
  readFiles: {
    args: { repository: GitRepository; oids: readonly string[]; bytesMax: number };
    result: readonly Uint8Array[];
  };
}

export type CallName = keyof Calls;

export interface Request<Name extends CallName = CallName> {
  readonly id: number;
  readonly call: Name;
  readonly args: Calls[Name]["args"];
}

/** `abandon`: nobody waits for the call of this id any more. */
export type ToWorker = Request | { readonly abandon: number };

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failed: { code: ErrorCode; message: string; fix: string | undefined } };
