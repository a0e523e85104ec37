import { messageOf } from "@muster/shared/errors.ts";
import type { Verification } from "../../ports/commit-verifier.ts";
import { type AllowedSigner, allowsNamespace } from "./allowed-signers.ts";
import type { SignedObject } from "./signed-object.ts";
import { fingerprintOf, SshFormatError } from "./ssh-key.ts";
import { isSignedBy, readSshSignature, type SshSignature } from "./ssh-signature.ts";
import { unverified } from "./unverified.ts";

/** What Git signs commits and tags as. A signature of a file, or of an e-mail, is none of a commit. */
const NAMESPACE = "git";

/** Judges an SSH signature against the lines of every set. `now` stands for an object that does not say when it was made. */
export function checkSsh(
  { payload, signature, at }: SignedObject & { signature: string },
  opts: { signers: readonly AllowedSigner[]; now: number },
): Verification {
  let read: SshSignature;
  try {
    read = readSshSignature(signature);
    if (!isSignedBy(read, payload)) return unverified("BadSignature", "the signature does not match what it signs");
  } catch (error) {
    if (!(error instanceof SshFormatError)) throw error;
    return unverified("BadSignature", `the SSH signature is refused: ${messageOf(error)}`);
  }
  if (read.namespace !== NAMESPACE) {
    const namespace = JSON.stringify(read.namespace.slice(0, 64));
    return unverified("BadSignature", `it was signed as ${namespace}, and Git signs as "${NAMESPACE}"`);
  }
  const key = fingerprintOf(read.keyBlob);
  const lines = opts.signers.filter((signer) => signer.keyBlob.equals(read.keyBlob));
  if (lines.length === 0) return unverified("UnknownSigner", `the SSH key ${key} is no trusted signer's`);
  const allowed = lines.filter((signer) => allowsNamespace(signer, NAMESPACE));
  if (allowed.length === 0) {
    return unverified(
      "UnknownSigner",
      `the SSH key ${key} of ${lines[0]?.principals} may not sign commits (namespaces)`,
    );
  }
  // As Git does: there is no time in an SSH signature, so the committer's word counts.
  const time = at ?? opts.now;
  const valid = allowed.find(
    ({ validAfter, validBefore }) =>
      (validAfter === null || time >= validAfter) && (validBefore === null || time < validBefore),
  );
  if (valid !== undefined) return { kind: "verified", signer: valid.principals };
  const { principals, validAfter, validBefore } = allowed[0] as AllowedSigner;
  const span = [
    validAfter === null ? null : `from ${new Date(validAfter).toISOString()}`,
    validBefore === null ? null : `until ${new Date(validBefore).toISOString()}`,
  ].filter((part) => part !== null);
  const when = new Date(time).toISOString();
  return unverified(
    "Expired",
    `the SSH key ${key} of ${principals} is valid ${span.join(" ")}, and this is of ${when}`,
  );
}
