import type { Digest } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { BundleLimits } from "../core/bundle-limits.ts";
import type { BundleTransform } from "../core/transform/bundle-transform.ts";

export { BUNDLE_BYTES_CEILING, BUNDLE_LIMITS, type BundleLimits } from "../core/bundle-limits.ts";
export type * from "../core/transform/bundle-transform.ts";

export interface BundleInput {
  /** Paths are relative to the App's folder, `/`-separated; so are those in problems. */
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  /**
   * Values of `${…}` in the manifests, by name: App variables, `cluster.name`, `cluster.labels.<key>`,
   * `cluster.facts.<key>`. Null or absent: manifests are taken as they stand.
   */
  readonly substitute?: { readonly values: Readonly<Record<string, string>> } | null;
  /** Whether the answer tells which variables the manifests mention; with or without substituting them. */
  readonly collectReferences?: boolean;
  /** What this variant changes in the objects, after substitution. */
  readonly transform?: BundleTransform;
  readonly limits: BundleLimits;
}

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
  | {
      readonly kind: "rendered";
      readonly bundle: SealedBundle;
      /**
       * The variables that the manifests mention, sorted, whether or not they have a value; another value of any other
       * variable gives the same bundle. Empty unless `collectReferences`.
       */
      readonly references: readonly string[];
    }
  /** The same input will always fail: every problem names file, line and rule. */
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

export interface BundleCallOptions {
  readonly signal: AbortSignal;
  /** Who asks: what one of them asks for never holds up the others. */
  readonly fairnessKey: string;
}

/** Turns files into a bundle, off the main thread, deterministically: equal input and version give equal digests. */
export interface Bundler {
  readonly kind: "plain";
  /** Part of a Release's frozen inputs. */
  readonly version: string;
  /** Something may have to be rendered soon: what takes a while to start may start now. */
  prepare(): void;
  /** @throws AppError "unavailable" when no worker could do it in time, "cancelled". */
  bundle(input: BundleInput, opts: BundleCallOptions): Promise<BundleResult>;
  close(): Promise<void>;
}
