import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SshFormatError, sshString } from "./ssh-key.ts";
import { isSignedBy, readSshSignature } from "./ssh-signature.ts";
import { missingTools, SigningHome } from "./testing/signing-home.ts";

const PAYLOAD = "tree of a commit\n";
const sha256 = (bytes: string | Buffer): Buffer => createHash("sha256").update(bytes).digest();

/** What a hardware token would do: ssh-keygen needs one to sign, and none to verify. */
function signAsToken(kind: "ed25519" | "ecdsa", opts: { flags?: number; hash?: string } = {}) {
  const application = "ssh:";
  const flags = Buffer.from([opts.flags ?? 1]);
  const counter = Buffer.from([0, 0, 0, 7]);
  const hash = opts.hash ?? "sha512";
  const [namespace, reserved] = ["git", ""];
  const type = kind === "ed25519" ? "sk-ssh-ed25519@openssh.com" : "sk-ecdsa-sha2-nistp256@openssh.com";
  const { publicKey, privateKey } =
    kind === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyBlob = Buffer.concat([sshString(type), ...publicParts(publicKey), sshString(application)]);
  const message = Buffer.concat([
    Buffer.from("SSHSIG"),
    sshString(namespace),
    sshString(reserved),
    sshString(hash),
    sshString(createHash(hash).update(PAYLOAD).digest()),
  ]);
  const signed = Buffer.concat([sha256(application), flags, counter, sha256(message)]);
  const proof = kind === "ed25519" ? sign(null, signed, privateKey) : ecdsaProof(signed, privateKey);
  const blob = Buffer.concat([sshString(type), sshString(proof), flags, counter]);
  const whole = Buffer.concat([
    Buffer.from("SSHSIG"),
    Buffer.from([0, 0, 0, 1]),
    ...[keyBlob, namespace, reserved, hash, blob].map(sshString),
  ]);
  const lines = whole.toString("base64").match(/.{1,70}/g) as string[];
  const armored = ["-----BEGIN SSH SIGNATURE-----", ...lines, "-----END SSH SIGNATURE-----", ""].join("\n");
  return { armored, line: `ada ${type} ${keyBlob.toString("base64")}\n` };
}

function publicParts(key: KeyObject): Buffer[] {
  const { x, y } = key.export({ format: "jwk" });
  const [first, second] = [x, y].map((part) => Buffer.from(part ?? "", "base64url"));
  if (y === undefined) return [sshString(first as Buffer)];
  return [sshString("nistp256"), sshString(Buffer.concat([Buffer.from([4]), first as Buffer, second as Buffer]))];
}

function ecdsaProof(signed: Buffer, key: KeyObject): Buffer {
  const both = sign("sha256", signed, { key, dsaEncoding: "ieee-p1363" });
  return Buffer.concat([both.subarray(0, 32), both.subarray(32)].map((number) => sshString(asNumber(number))));
}

/** Without leading zeros, and with one where the first bit would make it negative. */
function asNumber(bytes: Buffer): Buffer {
  const short = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
  return (short[0] as number) & 0x80 ? Buffer.concat([Buffer.alloc(1), short]) : short;
}

describe("signatures of hardware tokens", () => {
  it.each(["ed25519", "ecdsa"] as const)("knows %s", (kind) => {
    for (const hash of ["sha256", "sha512"]) {
      const signature = readSshSignature(signAsToken(kind, { hash }).armored);
      expect(isSignedBy(signature, Buffer.from(PAYLOAD))).toBe(true);
      expect(isSignedBy(signature, Buffer.from(`${PAYLOAD}x`))).toBe(false);
    }
  });

  it("refuses one that nobody touched the token for", () => {
    const signature = readSshSignature(signAsToken("ed25519", { flags: 0 }).armored);
    expect(() => isSignedBy(signature, Buffer.from(PAYLOAD))).toThrow("nobody touched");
  });

  describe.skipIf(missingTools().length > 0)("made as above", () => {
    let home: SigningHome;
    beforeAll(() => {
      home = new SigningHome();
    });
    afterAll(() => home.close());

    it.each(["ed25519", "ecdsa"] as const)("are what OpenSSH takes for one too: %s", (kind) => {
      const { armored, line } = signAsToken(kind);
      writeFileSync(join(home.folder, "allowed"), line);
      writeFileSync(join(home.folder, "token.sig"), armored);
      const args = ["-Y", "verify", "-f", "allowed", "-I", "ada", "-n", "git", "-s", "token.sig"];
      expect(home.run("ssh-keygen", args, { input: PAYLOAD }).toString()).toContain('Good "git" signature');
    });
  });
});

describe("readSshSignature", () => {
  const { armored } = signAsToken("ed25519");
  const bytes = Buffer.from(armored.split("\n").slice(1, -2).join(""), "base64");
  const armor = (changed: Buffer): string =>
    `-----BEGIN SSH SIGNATURE-----\n${changed.toString("base64")}\n-----END SSH SIGNATURE-----\n`;

  it.each([
    ["no armor", bytes.toString("base64")],
    ["another version", armor(Buffer.concat([bytes.subarray(0, 9), Buffer.from([2]), bytes.subarray(10)]))],
    ["bytes after the end", armor(Buffer.concat([bytes, Buffer.from([0])]))],
    ["another hash", armor(Buffer.from(bytes.toString("latin1").replace("sha512", "sha1\0\0"), "latin1"))],
    [
      "a certificate",
      armor(Buffer.from(bytes.toString("latin1").replace("ed25519@openssh.com", "crt-cert-v01@abc.de"), "latin1")),
    ],
  ])("refuses %s", (_what, text) => {
    expect(() => readSshSignature(text)).toThrow(SshFormatError);
  });

  it("refuses every shorter one with a reason, and never crashes", () => {
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => readSshSignature(armor(bytes.subarray(0, length)))).toThrow(SshFormatError);
    }
  });
});
