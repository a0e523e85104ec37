import type { ErrorCode } from "@muster/shared/errors.ts";
import type { RemoteRef } from "../list-refs.ts";
import type { GitObject } from "../mirror.ts";

/** What is asked of the worker that does the inflating and parsing. `gitdir`: the repository it is about. */
export interface Calls {
  slots: { args: { gitdir: string }; result: ReadonlyMap<string, string> };
  /** Parses a pack that lies in `objects/pack`, and lets the slots name what came with it. */
  index: {
    args: { gitdir: string; pack: string; pulls: readonly { oid: string; slot: string }[] };
    result: null;
  };
  objects: { args: { gitdir: string; oids: readonly string[] }; result: readonly (GitObject | null)[] };
  sizes: { args: { gitdir: string; oids: readonly string[] }; result: readonly (number | null)[] };
  commitsBeginning: { args: { gitdir: string; prefix: string; max: number }; result: readonly string[] };
  isAncestor: { args: { gitdir: string; ancestor: string; descendant: string }; result: boolean };
  /** Others write there: packs that appeared since are seen. */
  localRefs: { args: { gitdir: string }; result: ReadonlyMap<string, RemoteRef> };
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
