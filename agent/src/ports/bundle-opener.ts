import type { AppName, Digest } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";

/** One object of a bundle, ready to be applied without being parsed again. */
export interface BundleObject {
  /** As the bundle states it: `namespace` is "" when it names none. */
  readonly ref: ObjectRef;
  /** JSON text, with Muster's owner label and annotation. */
  readonly body: string;
  /** Where in `body` a namespace can be written (`"namespace":"shop",`), or null when it has one. */
  readonly namespaceAt: number | null;
  /** Equal for equal bodies. */
  readonly hash: string;
}

export interface OpenedBundle {
  readonly objects: readonly BundleObject[];
  /** Kinds that the bundle itself defines: `group/Kind` → whether its objects live in a namespace. */
  readonly definedKinds: ReadonlyMap<string, boolean>;
  /** Memory that the bodies take, roughly, in bytes. */
  readonly bytes: number;
}

/** Decompresses, hashes and splits bundles, away from the main thread. */
export interface BundleOpener {
  /**
   * @throws AppError "corrupt" when the bytes are not the bundle that the digest names, "too-large" past `bytesMax`
   * (of the canonical form, uncompressed).
   */
  open(
    compressed: Uint8Array,
    opts: {
      readonly digest: Digest;
      readonly owner: { readonly hash: string; readonly app: AppName };
      readonly bytesMax: number;
    },
  ): Promise<OpenedBundle>;
  /** A bundle is expected soon: whatever takes time to start may start now. */
  warm?(): void;
  close(): Promise<void>;
}
