import "reflect-metadata";
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterId } from "@muster/shared/model/ids.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { isIssuedBy, readCertificate, readIdentityUri } from "@muster/shared/trust/certificates.ts";
import { verifyKeySets } from "@muster/shared/trust/key-set.ts";
import { verifyAssignment, verifyP256 } from "@muster/shared/trust/verify.ts";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HubKeysOptions, openHubKeys } from "./open-hub-keys.ts";

let parent: string;
let directory: string;
const clock = new FakeClock();
const open = (more: Partial<HubKeysOptions> = {}) =>
  openHubKeys({ directory, clock, random: (bytes) => randomBytes(bytes), ...more });
const keysPath = () => join(directory, "hub-keys.json");

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "hub-keys-"));
  directory = join(parent, "keys");
});
afterEach(() => rm(parent, { recursive: true }));

async function csrFor(curve: "P-256" | "P-384" = "P-256") {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const algorithm = { name: "ECDSA", namedCurve: curve, hash: "SHA-256" };
  const keys = {
    privateKey: privateKey.toCryptoKey(algorithm, true, ["sign"]),
    publicKey: publicKey.toCryptoKey(algorithm, true, ["verify"]),
  };
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=somebody else",
    keys,
    signingAlgorithm: algorithm,
  });
  return { csr: new Uint8Array(csr.rawData), spki: publicKey.export({ format: "der", type: "spki" }) };
}

describe("openHubKeys", () => {
  it("makes keys once, for the owner only, and finds them again", async () => {
    const first = await open();
    const again = await open({ create: "never" });
    expect(again.hubId).toBe(first.hubId);
    expect(again.authority.caHash).toBe(first.authority.caHash);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(keysPath())).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(["hub-keys.json"]);
  });

  it("two starts at once end with the same keys", async () => {
    const [one, other] = await Promise.all([open(), open()]);
    expect(one.authority.caHash).toBe(other.authority.caHash);
    expect(await readdir(directory)).toEqual(["hub-keys.json"]);
  });

  it("refuses what others may read, and says how to mend it", async () => {
    await open();
    await chmod(keysPath(), 0o644);
    await expect(open()).rejects.toMatchObject({ code: "forbidden", message: /mode 644/, fix: /chmod 600/ });
    await chmod(keysPath(), 0o600);
    await chmod(directory, 0o755);
    await expect(open()).rejects.toMatchObject({ code: "forbidden", fix: /chmod 700/ });
  });

  it("refuses what is half there, and never makes new keys over it", async () => {
    await open();
    const text = await readFile(keysPath(), "utf8");
    const cases: [string, RegExp][] = [
      [text.slice(0, text.length / 2), /incomplete/],
      ["", /incomplete/],
      [JSON.stringify({ ...JSON.parse(text), signingKeys: [] }), /signingKeys/],
      [JSON.stringify({ ...JSON.parse(text), root: { ...JSON.parse(text).root, privateKey: "x" } }), /root/],
    ];
    for (const [content, message] of cases) {
      await writeFile(keysPath(), content);
      await expect(open()).rejects.toMatchObject({ code: "corrupt", message });
      expect(await readFile(keysPath(), "utf8")).toBe(content);
    }
  });

  it("refuses parts of two hubs", async () => {
    const text = await open().then(() => readFile(keysPath(), "utf8"));
    await rm(keysPath());
    const other = await open().then(() => readFile(keysPath(), "utf8"));
    const mix = {
      ...JSON.parse(text),
      root: { ...JSON.parse(text).root, privateKey: JSON.parse(other).root.privateKey },
    };
    await writeFile(keysPath(), JSON.stringify(mix));
    await expect(open()).rejects.toMatchObject({ code: "corrupt", message: /not a pair/ });
    await writeFile(keysPath(), JSON.stringify({ ...JSON.parse(text), keySets: JSON.parse(other).keySets }));
    await expect(open()).rejects.toMatchObject({ code: "corrupt" });
  });

  it("does not make keys for a hub that has lived before", async () => {
    await expect(open({ create: "never" })).rejects.toMatchObject({ code: "not-found", fix: /backup/ });
  });
});

describe("the certificate authority", () => {
  it("gives an agent a certificate that names its cluster, whatever the request says", async () => {
    const { authority } = await open();
    const { csr, spki } = await csrFor();
    const now = clock.now();
    const issued = await authority.issueAgentCertificate(csr, {
      clusterId: "c-1" as ClusterId,
      clusterUid: "u/1?&",
      now,
    });
    const facts = readCertificate(issued.pem);
    expect(readIdentityUri(facts.uris)).toEqual({ hubId: authority.hubId, clusterId: "c-1", clusterUid: "u/1?&" });
    expect(facts).toMatchObject({ serial: issued.serial, notBefore: now - 300_000, notAfter: now + 24 * 3_600_000 });
    expect(Buffer.from(facts.spki).equals(spki)).toBe(true);
    expect(isIssuedBy(issued.pem, authority.root)).toBe(true);
    const certificate = new X509Certificate(issued.pem);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(certificate.subject).toBe("CN=c-1");
    expect((await open()).authority.root).toBe(authority.root);
  });

  it("refuses a request that is no request, or for another kind of key, or altered", async () => {
    const { authority } = await open();
    await expect(authority.readSigningRequest(Buffer.from("hello"))).rejects.toMatchObject({ code: "invalid" });
    await expect(authority.readSigningRequest((await csrFor("P-384")).csr)).rejects.toMatchObject({ message: /P-256/ });
    const { csr } = await csrFor();
    const altered = Uint8Array.from(csr, (byte, at) => (at === csr.length - 3 ? byte ^ 1 : byte));
    await expect(authority.readSigningRequest(altered)).rejects.toMatchObject({ code: "invalid" });
  });

  it("signs answers and key sets that its CA hash vouches for", async () => {
    const { authority, signer } = await open();
    const root = readCertificate(authority.root);
    expect(root.publicKey).toBe(authority.caHash);
    const payload = Buffer.from("grant");
    const signature = authority.sign("muster/enrolment-answer/v1", payload);
    expect(verifyP256(root.spki, "muster/enrolment-answer/v1", payload, signature)).toBe(true);
    const keys = verifyKeySets(signer.keySets(), root.spki).at(-1);
    const signed = signer.sign(payload);
    expect(keys && verifyAssignment(signed, keys)).toEqual({ kind: "valid" });
    expect(signer.verify(signed)).toBe(true);
    expect(signer.verify({ ...signed, payload: Buffer.from("granT") })).toBe(false);
  });

  it("renews a server certificate at two thirds of its life", async () => {
    const keys = await open();
    const stop = new AbortController();
    const server = await keys.serverCertificate({ names: ["hub.example.com", "127.0.0.1"], signal: stop.signal });
    const before = server.current();
    const certificate = new X509Certificate(before.certificate);
    expect(certificate.subjectAltName).toBe("DNS:hub.example.com, IP Address:127.0.0.1");
    expect(isIssuedBy(before.certificate, keys.authority.root)).toBe(true);
    const own = createPublicKey(createPrivateKey(before.key));
    expect(certificate.checkPrivateKey(createPrivateKey(before.key)) && own.type).toBe("public");

    const renewed = new Promise((resolve) => server.onRenewed(resolve));
    await clock.advance(19 * 24 * 3_600_000);
    expect(server.current()).toBe(before);
    await clock.advance(1.1 * 24 * 3_600_000);
    expect(await renewed).toBe(server.current());
    expect(server.current()).not.toBe(before);
    stop.abort();
  });
});
