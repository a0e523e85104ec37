export type Verification =
  /** `signer`: whose key it was, as the signer set names it. */
  | { readonly kind: "verified"; readonly signer: string }
  /** Why not, in words for people. */
  | {
      readonly kind: "unverified";
      readonly reason: "Unsigned" | "UnknownSigner" | "BadSignature" | "Expired";
      readonly message: string;
    };

/** Judges who signed a commit or tag, against named sets of trusted signers. */
export interface CommitVerifier {
  /**
   * `object` is the raw Git object (without its `commit <size>` header), as `git cat-file commit` gives it.
   * @throws AppError "not-found" (no such signer set), "invalid" (what is mounted makes no sense).
   */
  verify(object: Uint8Array, opts: { signers: readonly string[] }): Promise<Verification>;
}
