import { generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { KeySet } from "../model/session.ts";
import { DOMAIN } from "./domain.ts";
import { followKeySet, ROOT_KEY_ID, signKeySet, unionOfKeySets, verifyKeySets } from "./key-set.ts";
import { keyIdOf, rawEd25519, signEd25519, signP256 } from "./sign.ts";
import {
  createJoinToken,
  formatJoinToken,
  hashTokenSecret,
  isEqualHex,
  macWithToken,
  parseJoinToken,
} from "./tokens.ts";
import { verifyAssignment, verifyEd25519, verifyP256 } from "./verify.ts";

const signer = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = rawEd25519(publicKey);
  return { id: keyIdOf(raw), publicKey: raw, privateKey };
};
const flip = (bytes: Uint8Array, at = 0) => Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ 1 : byte));

describe("assignment signatures", () => {
  const key = signer();
  const keys: KeySet = { version: 1, keys: [key] };
  const payload = Buffer.from("what to run");
  const signed = { payload, keyId: key.id, signature: signEd25519(key.privateKey, DOMAIN.assignment, payload) };

  it("are valid for exactly their payload, key and domain", () => {
    expect(verifyAssignment(signed, keys).kind).toBe("valid");
    expect(verifyAssignment({ ...signed, payload: flip(payload) }, keys).kind).toBe("signature-invalid");
    expect(verifyAssignment({ ...signed, signature: flip(signed.signature, 63) }, keys).kind).toBe("signature-invalid");
    expect(verifyAssignment({ ...signed, signature: new Uint8Array(3) }, keys).kind).toBe("signature-invalid");
    expect(verifyAssignment({ ...signed, keyId: signer().id }, keys).kind).toBe("key-unknown");
    expect(verifyEd25519(key.publicKey, DOMAIN.keySet, payload, signed.signature)).toBe(false);
  });
});

describe("P-256 signatures", () => {
  const root = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = root.publicKey.export({ format: "der", type: "spki" });
  it("are valid for exactly their payload and domain", () => {
    const payload = Buffer.from("grant");
    const signature = signP256(root.privateKey, DOMAIN.enrolmentAnswer, payload);
    expect(verifyP256(spki, DOMAIN.enrolmentAnswer, payload, signature)).toBe(true);
    expect(verifyP256(spki, DOMAIN.renew, payload, signature)).toBe(false);
    expect(verifyP256(spki, DOMAIN.enrolmentAnswer, flip(payload), signature)).toBe(false);
    expect(verifyP256(Buffer.from("no key"), DOMAIN.enrolmentAnswer, payload, signature)).toBe(false);
  });

  it("of another curve are refused", () => {
    const other = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
    const signature = signP256(other.privateKey, DOMAIN.renew, Buffer.from("x"));
    const key = other.publicKey.export({ format: "der", type: "spki" });
    expect(verifyP256(key, DOMAIN.renew, Buffer.from("x"), signature)).toBe(false);
  });
});

describe("the chain of key sets", () => {
  const root = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = root.publicKey.export({ format: "der", type: "spki" });
  const [one, two, three] = [signer(), signer(), signer()];
  const byRoot = { keyId: ROOT_KEY_ID, sign: (p: Uint8Array) => signP256(root.privateKey, DOMAIN.keySet, p) };
  const by = (key: ReturnType<typeof signer>) => ({
    keyId: key.id,
    sign: (p: Uint8Array) => signEd25519(key.privateKey, DOMAIN.keySet, p),
  });
  const first = signKeySet({ version: 1, keys: [one] }, byRoot);
  const second = signKeySet({ version: 2, keys: [one, two] }, by(one));
  const third = signKeySet({ version: 3, keys: [two, three] }, by(two));

  it("is followed from the root to the newest", () => {
    const sets = verifyKeySets([first, second, third], spki);
    expect(sets.at(-1)?.keys.map(({ id }) => id)).toEqual([two.id, three.id]);
    expect(unionOfKeySets(sets).keys).toHaveLength(3);
  });

  it.each([
    [
      "another root",
      [
        signKeySet(
          { version: 1, keys: [one] },
          {
            ...byRoot,
            sign: (p) => signP256(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, DOMAIN.keySet, p),
          },
        ),
      ],
      /root is wrong/,
    ],
    ["a first set that no root signed", [second], /not by the hub's root/],
    ["a missing link", [first, third], /does not hold/],
    ["a version that jumps", [first, signKeySet({ version: 3, keys: [two] }, by(one))], /missing/],
    ["a version that stays", [first, signKeySet({ version: 1, keys: [two] }, by(one))], /missing/],
    ["a forged successor", [first, { ...second, signature: flip(second.signature) }], /is wrong/],
    ["a retired key", [first, second, third, signKeySet({ version: 4, keys: [one] }, by(one))], /does not hold/],
    ["nothing", [], /no key set/],
  ])("refuses %s", (_, chain, message) => {
    expect(() => verifyKeySets(chain, spki)).toThrow(message);
  });

  it("an assignment's signature is no key set's", () => {
    const set = { version: 2, keys: [two] };
    const wrong = signKeySet(set, { keyId: one.id, sign: (p) => signEd25519(one.privateKey, DOMAIN.assignment, p) });
    expect(() => followKeySet({ version: 1, keys: [one] }, wrong)).toThrow(/is wrong/);
  });
});

describe("join tokens", () => {
  it("are read as they were printed, and are never repeated in errors", () => {
    const token = createJoinToken((bytes) => randomBytes(bytes));
    const text = formatJoinToken(token);
    expect(text).toMatch(/^mj1_[0-9a-f]{16}_[0-9a-f]{40}$/);
    expect(parseJoinToken(` ${text}\n`)).toEqual(token);
    expect(() => parseJoinToken(text.slice(0, -1))).toThrow(/does not look like/);
    expect(() => parseJoinToken(text.slice(0, -1))).not.toThrow(token.secret.slice(0, 20));
  });

  it("prove themselves by a MAC that only their hash makes", () => {
    const bytes = Buffer.from("request");
    const mac = macWithToken(hashTokenSecret("s1"), bytes);
    expect(isEqualHex(mac, macWithToken(hashTokenSecret("s1"), bytes))).toBe(true);
    expect(isEqualHex(mac, macWithToken(hashTokenSecret("s2"), bytes))).toBe(false);
    expect(isEqualHex(mac, macWithToken(hashTokenSecret("s1"), Buffer.from("other")))).toBe(false);
    expect(isEqualHex("", "")).toBe(false);
    expect(isEqualHex(mac, mac.slice(2))).toBe(false);
  });
});
