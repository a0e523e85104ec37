export type Verification =
  /** `signer`: whose key it was, as the signer set names it: the key's user id, or the principals of allowed_signers. */
  | { readonly kind: "verified"; readonly signer: string }
  /** Why not, in words for people. */
  | { readonly kind: "unverified"; readonly reason: UnverifiedReason; readonly message: string };

/**
 * `BadSignature`: it does not match what it signs, is malformed, or uses what is broken (SHA-1, short RSA keys).
 * `Expired`: the key or the signature was not valid at that time. `Revoked`: the key's owner took it back.
 * `Unsupported`: a kind of signature that is never checked here, as X.509.
 */
export type UnverifiedReason = "Unsigned" | "UnknownSigner" | "BadSignature" | "Expired" | "Revoked" | "Unsupported";

/** Judges who signed a commit or tag, against named sets of trusted signers. */
export interface CommitVerifier {
  /**
   * `object` is the raw Git object (without its header `commit <size>` or `tag <size>`), as `git cat-file commit` and
   * `git cat-file tag` give it. That its bytes are those of the object id is the caller's to have checked.
   *
   * With `tag`, the object must be an annotated tag of that name for that object: a signed tag that was put under
   * another name is refused. Without, it must be a commit.
   * @throws AppError "not-found" (no such signer set), "invalid" (what is mounted makes no sense), "unavailable" (not
   * judged in time; try again).
   */
  verify(object: Uint8Array, opts: VerifyOptions): Promise<Verification>;
}

export interface VerifyOptions {
  /** Names of signer sets; one signer of any of them is enough. */
  readonly signers: readonly string[];
  /** The tag's name without `refs/tags/`, and the id of the object it must name. */
  readonly tag?: { readonly name: string; readonly target: string };
}
