import { readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commitVerifierContract } from "../../ports/commit-verifier.contract.ts";
import type { CommitVerifier } from "../../ports/commit-verifier.ts";
import { openVerifier } from "./open-verifier.ts";
import { missingTools, plainCommit, SigningHome, withSignature } from "./testing/signing-home.ts";

const missing = missingTools();
const isCi = process.env.CI === "true" || process.env.CI === "1";
// Without the tools nobody can sign; in CI they must be there.
if (isCi && missing.length > 0) throw new Error(`CI lacks ${missing.join(", ")}`);
const describeSigned = describe.skipIf(missing.length > 0);

const ADA = "Ada Lovelace <ada@example.com>";
const EVE = "Eve <eve@example.com>";

describeSigned("signatures that Git made", () => {
  commitVerifierContract("GPG signatures", async () => {
    const home = new SigningHome();
    const [ada, eve] = [home.gpgKey(ADA), home.gpgKey(EVE)];
    home.mount("trusted", { "ada.asc": home.gpg(["--armor", "--export", ada]) });
    home.mount("other", { "eve.gpg": home.gpg(["--export", eve]) });
    return { ...subjectOf(home, ada), signer: ADA };
  });

  commitVerifierContract("SSH signatures", async () => {
    const home = new SigningHome();
    const [ada, eve] = [home.sshKey(), home.sshKey()];
    home.mount("trusted", { allowed_signers: `# people\n\nada@example.com ${home.publicKey(ada)} Ada's laptop\n` });
    home.mount("other", { allowed_signers: `eve@example.com ${home.publicKey(eve)}\n` });
    return { ...subjectOf(home, ada), signer: "ada@example.com" };
  });

  function subjectOf(home: SigningHome, key: string) {
    const verifier = openVerifier({ directory: home.signers, clock: systemClock });
    const [unsignedCommit, signedCommit] = [home.commit(null), home.commit(key)];
    return {
      verifier,
      sets: { trusted: "trusted", other: "other" },
      signedCommit,
      unsignedCommit,
      signedTag: { ...home.tag("v1.4.2", key), name: "v1.4.2" },
      async stop() {
        await verifier.close();
        home.close();
      },
    };
  }
});

describeSigned("SSH", () => {
  const { home, verifier } = fixture();

  it.each([
    ["ecdsa", 256],
    ["ecdsa", 384],
    ["ecdsa", 521],
    ["rsa", 2_048],
  ])("knows %s keys of %i bits", async (type, bits) => {
    const key = home().sshKey(type, bits);
    home().mount(`${type}-${bits}`, { allowed_signers: `ada@example.com ${home().publicKey(key)}\n` });
    const verification = await verifier().verify(home().commit(key), { signers: [`${type}-${bits}`] });
    expect(verification).toEqual({ kind: "verified", signer: "ada@example.com" });
  });

  it.each([
    ["namespaces", "file,x*", "may not sign commits"],
    ["namespaces", "*,!git", "may not sign commits"],
  ])("refuses a key whose %s are %s", async (option, value, message) => {
    const verification = await judgeWith(`${option}="${value}"`);
    expect(verification).toMatchObject({ reason: "UnknownSigner", message: expect.stringContaining(message) });
  });

  it.each([
    ['namespaces="git"', "verified"],
    ['namespaces="g?t,file",valid-after="20200101"', "verified"],
    ['valid-before="20990101120000Z"', "verified"],
    ['valid-after="20990101"', "Expired"],
    ['valid-before="202001010000"', "Expired"],
  ])("reads %s: %s", async (options, expected) => {
    const verification = await judgeWith(options);
    expect(verification.kind === "unverified" ? verification.reason : verification.kind).toBe(expected);
  });

  async function judgeWith(options: string) {
    const key = home().sshKey();
    home().mount("options", {
      allowed_signers: `"ada@example.com,*@ada.example" ${options} ${home().publicKey(key)}\n`,
    });
    return verifier().verify(home().commit(key), { signers: ["options"] });
  }

  it("goes by the committer's time, as Git does", async () => {
    const key = home().sshKey();
    home().mount("left", { allowed_signers: `ada valid-before="20250601" ${home().publicKey(key)}\n` });
    const judge = async (date: string) =>
      (await verifier().verify(home().commit(key, { date }), { signers: ["left"] })).kind;
    expect(await judge("2025-05-31T23:59:59Z")).toBe("verified");
    expect(await judge("2025-06-01T00:00:00Z")).toBe("unverified");
  });

  it("takes a signature of a file, with the same key, for none of a commit", async () => {
    const key = home().sshKey();
    home().mount("files", { allowed_signers: `ada ${home().publicKey(key)}\n` });
    const sign = (namespace: string) =>
      withSignature(
        plainCommit(),
        home().run("ssh-keygen", ["-q", "-Y", "sign", "-n", namespace, "-f", key], { input: plainCommit() }).toString(),
      );
    expect(await verifier().verify(sign("git"), { signers: ["files"] })).toMatchObject({ kind: "verified" });
    expect(await verifier().verify(sign("file"), { signers: ["files"] })).toMatchObject({
      reason: "BadSignature",
      message: expect.stringContaining('signed as "file"'),
    });
  });

  it.each([
    ["ada cert-authority KEY", "cert-authority is not supported"],
    ['ada colour="red" KEY', '"colour" is not an option'],
    ['ada valid-after="soon" KEY', '"soon" is no time'],
    ['ada valid-after="20250231" KEY', '"20250231" is no time'],
    ["ada", "are needed"],
    ["ada ssh-ed25519 AAAA", "ends too early"],
    ["ada ssh-dss AAAAB3NzaC1kc3MAAAAA", 'keys of type "ssh-dss" are not checked'],
  ])("names the line that makes no sense: %s", async (line, message) => {
    const key = home().publicKey(home().sshKey());
    home().mount("broken", { allowed_signers: `# first\n${line.replace("KEY", key)}\n` });
    await expect(verifier().verify(Buffer.from(plainCommit()), { signers: ["broken"] })).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringMatching(new RegExp(`^broken/allowed_signers:2: .*${RegExp.escape(message)}`)),
    });
  });

  it("reads a set again when it was changed", async () => {
    const key = home().sshKey();
    const commit = home().commit(key);
    const judge = async () => (await verifier().verify(commit, { signers: ["rotated"] })).kind;
    home().mount("rotated", { allowed_signers: `eve ${home().publicKey(home().sshKey())}\n` });
    expect(await judge()).toBe("unverified");
    home().mount("rotated", { allowed_signers: `ada ${home().publicKey(key)}\n` });
    utimesSync(join(home().signers, "rotated/allowed_signers"), 2_000_000_000, 2_000_000_000);
    expect(await judge()).toBe("verified");
  });
});

describeSigned("GPG", () => {
  const { home, verifier } = fixture();
  const judge = (object: Uint8Array, ...signers: string[]) => verifier().verify(object, { signers });
  const sign = (key: string, opts: { at?: string; args?: string[]; payload?: string } = {}) => {
    const payload = opts.payload ?? plainCommit();
    const args = [...(opts.args ?? []), "--local-user", `${key}!`, "--armor", "--detach-sign"];
    const at = opts.at === undefined ? {} : { at: opts.at };
    return withSignature(
      payload,
      home()
        .gpg(args, { input: payload, ...at })
        .toString(),
    );
  };
  const exported = (key: string) => home().gpg(["--armor", "--export", key]);

  it.each(["rsa2048", "nistp256", "nistp521"])("knows %s keys", async (algorithm) => {
    const key = home().gpgKey(`${algorithm} <ada@example.com>`, { algorithm });
    home().mount("algorithm", { "keys.asc": exported(key) });
    expect(await judge(home().commit(key), "algorithm")).toEqual({
      kind: "verified",
      signer: `${algorithm} <ada@example.com>`,
    });
  });

  it("says which keys it does not check", async () => {
    const key = home().gpgKey("Brain <ada@example.com>", { algorithm: "brainpoolP256r1" });
    home().mount("brain", { "keys.asc": exported(key) });
    expect(await judge(home().commit(key), "brain")).toMatchObject({ reason: "Unsupported" });
  });

  it("knows a signature of a subkey, in a file of several armored keys", async () => {
    const [eve, key] = [home().gpgKey("Eve 2 <eve@example.com>"), home().gpgKey("Sub <ada@example.com>")];
    home().gpg(["--quick-add-key", key, "ed25519", "sign", "never"]);
    const subkey = [
      ...home()
        .gpg(["--with-colons", "--list-keys", key])
        .toString()
        .matchAll(/^fpr:+(\w+):/gm),
    ][1]?.[1];
    home().mount("sub", { "all.asc": `${exported(eve)}\n${exported(key)}` });
    expect(await judge(sign(subkey as string), "sub")).toEqual({ kind: "verified", signer: "Sub <ada@example.com>" });
  });

  it("goes by when it was signed: before the key expired is good, after it is not", async () => {
    const key = home().gpgKey("Short <ada@example.com>", { at: "20250101T000000", expires: "2025-06-01" });
    home().mount("short", { "key.asc": exported(key) });
    expect(await judge(sign(key, { at: "20250301T000000" }), "short")).toMatchObject({ kind: "verified" });
    // gpg itself refuses to sign with an expired key, so its life is made longer on this side alone.
    home().gpg(["--quick-set-expire", key, "2026-01-01"], { at: "20250501T000000" });
    const late = sign(key, { at: "20250701T000000" });
    expect(await judge(late, "short")).toMatchObject({
      reason: "Expired",
      message: expect.stringContaining("Short <"),
    });
    home().mount("short", { "key.asc": exported(key) });
    expect(await judge(late, "short")).toMatchObject({ kind: "verified" });
  });

  it("still trusts what was signed before the key's life was extended", async () => {
    const key = home().gpgKey("Longer <ada@example.com>", { at: "20250101T000000", expires: "2025-06-01" });
    const early = sign(key, { at: "20250301T000000" });
    home().gpg(["--quick-set-expire", key, "2099-01-01"], { at: "20250501T000000" });
    home().mount("longer", { "key.asc": exported(key) });
    expect(await judge(early, "longer")).toMatchObject({ kind: "verified" });
  });

  it("trusts nothing of a revoked key, not even from before, and not through an older copy", async () => {
    const key = home().gpgKey("Lost <ada@example.com>");
    const commit = home().commit(key);
    const before = exported(key);
    const file = join(home().folder, "gnupg/openpgp-revocs.d", `${key}.rev`);
    // gpg keeps a certificate for the day, with a colon before its armor, lest someone imports it by mistake.
    home().gpg(["--import"], { input: readFileSync(file, "utf8").replace(/^:-----/m, "-----") });
    home().mount("lost", { "a-old.asc": before });
    expect(await judge(commit, "lost")).toMatchObject({ kind: "verified" });
    home().mount("lost", { "b-revoked.asc": exported(key) });
    expect(await judge(commit, "lost")).toMatchObject({ reason: "Revoked" });
  });

  it.each([
    ["a signature that has expired", ["--default-sig-expire", "2025-02-01"], "20250101T120000", "Expired"],
    ["SHA-1", ["--digest-algo", "SHA1", "--allow-weak-digest-algos"], undefined, "BadSignature"],
    ["a signature of text", ["--textmode"], undefined, "BadSignature"],
    ["one from the future", [], "20980101T000000", "Expired"],
  ])("refuses %s", async (_what, args, at, reason) => {
    const key = home().gpgKey(`${_what} <ada@example.com>`, { at: "20250101T000000" });
    home().mount("refused", { "key.asc": exported(key) });
    expect(await judge(sign(key, { args, ...(at === undefined ? {} : { at }) }), "refused")).toMatchObject({ reason });
  });

  it("refuses two signatures at once, of the same or of two headers", async () => {
    const key = home().gpgKey("Twice <ada@example.com>");
    home().mount("twice", { "key.asc": exported(key) });
    const binary = home().gpg(["--local-user", key, "--detach-sign"], { input: plainCommit() });
    const both = home()
      .gpg(["--enarmor"], { input: Buffer.concat([binary, binary]) })
      .toString();
    const armored = both.replaceAll("PGP ARMORED FILE", "PGP SIGNATURE").replace(/^Comment:.*\n/gm, "");
    expect(await judge(withSignature(plainCommit(), armored), "twice")).toMatchObject({ reason: "BadSignature" });
    const twoHeaders = withSignature(sign(key), home().gpg(["--enarmor"], { input: binary }).toString());
    expect(await judge(twoHeaders, "twice")).toMatchObject({ reason: "BadSignature" });
  });

  it("says what is wrong with what is mounted", async () => {
    const key = home().gpgKey("Mounted <ada@example.com>");
    const commit = home().commit(key);
    home().mount("garbage", { "key.asc": "no key" });
    home().mount("secret", { "key.asc": home().gpg(["--armor", "--export-secret-keys", key]) });
    home().mount("empty", { "README.md": "nothing" });
    for (const [set, message] of Object.entries({
      garbage: "garbage/key.asc holds no",
      secret: "secret/key.asc holds a private key",
      empty: 'the signer set "empty" holds no keys',
    })) {
      await expect(judge(commit, set)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining(message),
        fix: expect.any(String),
      });
    }
  });
});

describe("what is never checked", () => {
  it("says so of X.509, and of words that are no signature", async () => {
    const verifier = openVerifier({ directory: null, clock: systemClock });
    const judge = (armored: string) => verifier.verify(withSignature(plainCommit(), armored), { signers: [] });
    const x509 = "-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n";
    expect(await judge(x509)).toMatchObject({ reason: "Unsupported", message: expect.stringContaining("X.509") });
    expect(await judge("trust me\n")).toMatchObject({ reason: "BadSignature" });
    await verifier.close();
  });

  it("tells how to mount signers when there is no directory for them", async () => {
    const verifier = openVerifier({ directory: null, clock: systemClock });
    await expect(verifier.verify(Buffer.from(plainCommit()), { signers: ["platform"] })).rejects.toMatchObject({
      code: "not-found",
      fix: expect.stringContaining("--signers-dir"),
    });
    await verifier.close();
  });
});

function fixture(): { home: () => SigningHome; verifier: () => CommitVerifier } {
  let home: SigningHome;
  let verifier: ReturnType<typeof openVerifier>;
  beforeAll(() => {
    home = new SigningHome();
    verifier = openVerifier({ directory: home.signers, clock: systemClock });
  });
  afterAll(async () => {
    await verifier?.close();
    home?.close();
  });
  return { home: () => home, verifier: () => verifier };
}
