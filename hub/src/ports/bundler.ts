import type { Digest } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";

export interface BundleInput {
  /** Paths are relative to the App's folder, `/`-separated; so are those in problems. */
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  /** For objects that name no namespace. Whether a kind has one is the API server's knowledge: the agent applies it. */
  readonly limits: BundleLimits;
}

export interface BundleLimits {
  readonly fileBytesMax: number;
  readonly objectsMax: number;
  readonly bundleBytesMax: number;
  readonly timeoutMsMax: number;
}

export const BUNDLE_LIMITS: BundleLimits = {
  fileBytesMax: 4 * 1024 * 1024,
  objectsMax: 20_000,
  bundleBytesMax: 32 * 1024 * 1024,
  timeoutMsMax: 30_000,
};

/** The rendered objects of one variant: immutable, canonical, named by the digest of the canonical form. */
export interface SealedBundle {
  readonly digest: Digest;
  /** zstd-compressed canonical form: what is stored and what travels. */
  readonly compressed: Uint8Array;
  /** Size of the canonical form. */
  readonly bytes: number;
  readonly objects: readonly ObjectRef[];
}

export type BundleResult =
  | { readonly kind: "rendered"; readonly bundle: SealedBundle }
  /** The same input will always fail: every problem names file, line and rule. */
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/** Turns files into a bundle, off the main thread, deterministically: equal input and version give equal digests. */
export interface Bundler {
  readonly kind: "plain";
  /** Part of a Release's frozen inputs. */
  readonly version: string;
  /** Something may have to be rendered soon: what takes a while to start may start now. */
  prepare(): void;
  /** @throws AppError "unavailable" when no worker could do it in time, "cancelled". */
  bundle(input: BundleInput, opts: { signal: AbortSignal }): Promise<BundleResult>;
  close(): Promise<void>;
}
