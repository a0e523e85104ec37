import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CommitVerifier } from "./commit-verifier.ts";

export interface VerifierSubject {
  readonly verifier: CommitVerifier;
  /** A set that holds the signer of what is signed, and one that does not. */
  readonly sets: { readonly trusted: string; readonly other: string };
  readonly signer: string;
  readonly signedCommit: Uint8Array;
  readonly unsignedCommit: Uint8Array;
  readonly signedTag: { readonly object: Uint8Array; readonly name: string; readonly target: string };
  stop(): Promise<void>;
}

/** What everyone who judges signatures must do. `what` names the kind of signature. */
export function commitVerifierContract(what: string, makeSubject: () => Promise<VerifierSubject>): void {
  describe(`a verifier of ${what}`, () => {
    let subject: VerifierSubject;
    beforeAll(async () => {
      subject = await makeSubject();
    }, 60_000);
    afterAll(() => subject?.stop());

    const judge = (object: Uint8Array, ...signers: string[]) => subject.verifier.verify(object, { signers });
    const unverified = (reason: string) => expect.objectContaining({ kind: "unverified", reason });

    it("names the signer of a commit", async () => {
      const verified = { kind: "verified", signer: subject.signer };
      expect(await judge(subject.signedCommit, subject.sets.trusted)).toEqual(verified);
      expect(await judge(subject.signedCommit, subject.sets.other, subject.sets.trusted)).toEqual(verified);
    });

    it("trusts nobody who is not in the sets that were asked for", async () => {
      expect(await judge(subject.signedCommit, subject.sets.other)).toEqual(unverified("UnknownSigner"));
      expect(await judge(subject.signedCommit)).toEqual(unverified("UnknownSigner"));
    });

    it("tells a commit that is not signed", async () => {
      expect(await judge(subject.unsignedCommit, subject.sets.trusted)).toEqual(unverified("Unsigned"));
    });

    it("sees any byte that was changed", async () => {
      const text = Buffer.from(subject.signedCommit).toString("latin1");
      const changes = [
        text.replace(/^tree ./, (start) => `tree ${start.endsWith("0") ? "1" : "0"}`),
        text.replace(/author \w/, "author X"),
        `${text}\nOne more line\n`,
        text.replace(/\n\n/, "\nencoding latin1\n\n"),
      ];
      for (const changed of changes) {
        expect(changed).not.toBe(text);
        const object = Buffer.from(changed, "latin1");
        expect(await judge(object, subject.sets.trusted)).toEqual(unverified("BadSignature"));
      }
    });

    it("knows a tag by its name and the object that it names", async () => {
      const { object, name, target } = subject.signedTag;
      const signers = [subject.sets.trusted];
      const verify = (tag: { name: string; target: string }) => subject.verifier.verify(object, { signers, tag });
      expect(await verify({ name, target })).toEqual({ kind: "verified", signer: subject.signer });
      expect(await verify({ name: "v9.9.9", target })).toEqual(unverified("BadSignature"));
      expect(await verify({ name, target: "0".repeat(40) })).toEqual(unverified("BadSignature"));
      expect(await subject.verifier.verify(object, { signers })).toEqual(unverified("BadSignature"));
      const commit = await subject.verifier.verify(subject.signedCommit, { signers, tag: { name, target } });
      expect(commit).toEqual(unverified("BadSignature"));
    });

    it("takes bytes that are no object for unverified, and a set that is not there for an error", async () => {
      expect(await judge(new Uint8Array(), subject.sets.trusted)).toEqual(unverified("BadSignature"));
      expect(await judge(Buffer.from("tree nothing\n"), subject.sets.trusted)).toEqual(unverified("BadSignature"));
      for (const name of ["nobody", "../trusted", ""]) {
        await expect(judge(subject.unsignedCommit, name)).rejects.toMatchObject({ code: "not-found" });
      }
    });
  });
}
