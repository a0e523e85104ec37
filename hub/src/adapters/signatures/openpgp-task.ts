import type { Verification } from "../../ports/commit-verifier.ts";
import type { KeyFile } from "./signer-sets.ts";

/** What the worker is asked. */
export interface OpenPgpTask {
  readonly payload: Uint8Array;
  /** Armored. */
  readonly signature: string;
  readonly files: readonly KeyFile[];
  /** Milliseconds. */
  readonly now: number;
}

export type OpenPgpAnswer =
  | Verification
  /** What is mounted cannot be used. */
  | { readonly kind: "unusable"; readonly message: string; readonly fix: string };
