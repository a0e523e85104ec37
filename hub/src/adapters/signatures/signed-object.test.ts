import { expect, it } from "vitest";
import { readSignedObject } from "./signed-object.ts";

const TREE = `tree ${"a".repeat(40)}\n`;
const WHO = "author Ada <a@b.c> 1760000000 +0200\ncommitter Ada <a@b.c> 1760000001 +0200\n";
const SIGNATURE = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQEz\n -----END PGP SIGNATURE-----\n";
const read = (text: string) => readSignedObject(Buffer.from(text));

it("takes the signature out of a commit, and leaves every other byte", () => {
  const object = read(`${TREE}${WHO}${SIGNATURE}encoding x\n folded\n\nSubject\n\ngpgsig not a header\n`);
  expect(object?.payload.toString()).toBe(`${TREE}${WHO}encoding x\n folded\n\nSubject\n\ngpgsig not a header\n`);
  expect(object?.signature).toBe("-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n");
  expect(object?.at).toBe(1_760_000_001_000);
});

it("leaves a signature over the other hash's form out of what is signed, and does not take it for this one's", () => {
  const object = read(`${TREE}${WHO}${SIGNATURE.replace("gpgsig", "gpgsig-sha256")}\nSubject\n`);
  expect(object?.payload.toString()).toBe(`${TREE}${WHO}\nSubject\n`);
  expect(object?.signature).toBeNull();
});

it("reads a repository of SHA-256 objects by its own header", () => {
  const tree = `tree ${"b".repeat(64)}\n`;
  const object = read(
    `${tree}${WHO}${SIGNATURE}${SIGNATURE.replace("gpgsig", "gpgsig-sha256").replace("iQEz", "mine")}\n`,
  );
  expect(object?.signature).toContain("mine");
  expect(object?.payload.toString()).toBe(`${tree}${WHO}\n`);
});

it("takes two signatures for none that can be judged", () => {
  expect(read(`${TREE}${WHO}${SIGNATURE}${SIGNATURE}\nSubject\n`)).toBeNull();
});

it("finds the last signature of a tag, with its name and target", () => {
  const head = `object ${"c".repeat(40)}\ntype commit\ntag v1.0\ntagger Ada <a@b.c> 1760000002 +0000\n\n`;
  const message = "Quotes -----BEGIN PGP SIGNATURE-----\n-----BEGIN PGP SIGNATURE-----\nold\n";
  const signature = "-----BEGIN SSH SIGNATURE-----\nnew\n-----END SSH SIGNATURE-----\n";
  const object = read(head + message + signature);
  expect(object).toMatchObject({
    kind: "tag",
    signature,
    at: 1_760_000_002_000,
    tag: { name: "v1.0", target: "c".repeat(40) },
  });
  expect(object?.payload.toString()).toBe(head + message);
  expect(read(head + message.slice(0, 7))).toMatchObject({ signature: null });
});

it.each(["", "blob", `tree ${"a".repeat(39)}\n`, `parent ${"a".repeat(40)}\n`, `\n${TREE}`])(
  "knows no object in %j",
  (text) => {
    expect(read(text)).toBeNull();
  },
);
