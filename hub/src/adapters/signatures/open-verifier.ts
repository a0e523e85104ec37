import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { CommitVerifier, Verification, VerifyOptions } from "../../ports/commit-verifier.ts";
import { checkSsh } from "./check-ssh.ts";
import { createOpenPgpThread } from "./openpgp-thread.ts";
import { readSignedObject, type SignedObject } from "./signed-object.ts";
import { mountedSigners, type SignerSet } from "./signer-sets.ts";
import { unverified } from "./unverified.ts";

/** A commit is some hundred bytes; nobody writes so long a message. */
const OBJECT_BYTES_MAX = 1024 * 1024;
const SIGNATURE_BYTES_MAX = 64 * 1024;

/**
 * Judges signatures by the signer sets mounted in `directory` (null: there are none). SSH signatures are checked in
 * place, in well below a millisecond; GPG ones on a thread of their own.
 */
export function openVerifier(opts: { directory: string | null; clock: Clock }): CommitVerifier & {
  close(): Promise<void>;
} {
  const signerSet = mountedSigners(opts.directory);
  const openPgp = createOpenPgpThread();

  return {
    async verify(object, options) {
      // Which sets are trusted is looked at first: a wrong name must be told for unsigned commits too.
      const sets = await Promise.all([...new Set(options.signers)].map(signerSet));
      const read = object.byteLength > OBJECT_BYTES_MAX ? null : readSignedObject(object);
      if (read === null) return unverified("BadSignature", "it is no well-formed commit or tag");
      const misfit = judgeTag(read, options.tag);
      if (misfit !== null) return misfit;
      if (read.signature === null) return unverified("Unsigned", `the ${read.kind} is not signed`);
      if (read.signature.length > SIGNATURE_BYTES_MAX) return unverified("BadSignature", "its signature is too long");
      return check({ ...read, signature: read.signature }, sets);
    },
    close: () => openPgp.close(),
  };

  async function check(read: SignedObject & { signature: string }, sets: readonly SignerSet[]): Promise<Verification> {
    const now = opts.clock.now();
    const [, format] = /^-----BEGIN ([A-Z ]+)-----/.exec(read.signature) ?? [];
    switch (format) {
      case "SSH SIGNATURE":
        return checkSsh(read, { signers: sets.flatMap((set) => set.ssh), now });
      case "PGP SIGNATURE":
      case "PGP MESSAGE": {
        const answer = await openPgp.check({
          payload: Uint8Array.from(read.payload),
          signature: read.signature,
          files: sets.flatMap((set) => set.gpg),
          now,
        });
        if (answer.kind === "unusable") throw new AppError("invalid", answer.message, { fix: answer.fix });
        return answer;
      }
      case "SIGNED MESSAGE":
        return unverified(
          "Unsupported",
          `the ${read.kind} is signed with X.509 (S/MIME), which is not checked; sign with GPG or SSH`,
        );
      default:
        return unverified("BadSignature", "its signature is neither of GPG nor of SSH");
    }
  }
}

/** A signed tag says its own name: moved to another one, or to another commit, its signature is worth nothing. */
function judgeTag(read: SignedObject, wanted: VerifyOptions["tag"]): Verification | null {
  if (wanted === undefined) {
    return read.kind === "commit" ? null : unverified("BadSignature", "it is a tag where a commit is wanted");
  }
  if (read.tag === null) return unverified("BadSignature", "it is a commit where a tag is wanted");
  if (read.tag.name !== wanted.name) {
    return unverified(
      "BadSignature",
      `the tag ${wanted.name} holds one that was made as ${JSON.stringify(read.tag.name)}`,
    );
  }
  if (read.tag.target !== wanted.target)
    return unverified("BadSignature", `the tag ${wanted.name} names another commit`);
  return null;
}
