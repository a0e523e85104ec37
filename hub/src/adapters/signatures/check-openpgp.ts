import { messageOf } from "@muster/shared/errors.ts";
import {
  createMessage,
  enums,
  type Key,
  type PartialConfig,
  readKeys,
  readSignature,
  type SignaturePacket,
  verify,
} from "openpgp";
import type { Verification } from "../../ports/commit-verifier.ts";
import type { OpenPgpAnswer, OpenPgpTask } from "./openpgp-task.ts";
import type { KeyFile } from "./signer-sets.ts";
import { printable, unverified } from "./unverified.ts";

/**
 * openpgp refuses MD5 and SHA-1 over messages, DSA, ElGamal, secp256k1 and RSA below 2048 bits by itself.
 *
 * When a key's life is extended, gpg puts a new self-signature in the place of the old one, and everything that was
 * signed before seems older than the key. Such a signature counts if the key is valid now.
 */
const CONFIG: PartialConfig = { allowInsecureVerificationWithReformattedKeys: true };

/** A clock that is a little fast is no fraud. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Judges a signature of Git's: detached, binary, one. Never throws for what is in the task. */
export async function checkOpenPgp(task: OpenPgpTask): Promise<OpenPgpAnswer> {
  let keys: readonly Key[];
  try {
    keys = (await Promise.all(task.files.map(readKeyFile))).flat();
  } catch (error) {
    if (!(error instanceof UnusableKeys)) throw error;
    return { kind: "unusable", message: error.message, fix: error.fix };
  }
  const packet = await readPacket(task.signature);
  if (typeof packet === "string") return unverified("BadSignature", packet);
  const issuer = packet.issuerKeyID;
  const keyId = issuer.toHex().toUpperCase();
  const candidates = keys.filter((key) => key.getKeys(issuer).length > 0);
  if (candidates.length === 0) return unverified("UnknownSigner", `the GPG key ${keyId} is no trusted signer's`);
  // The same key may be mounted twice, one of them extended since: one good copy is enough. But whoever took a key back
  // meant every copy of it.
  const answers = await Promise.all(candidates.map((key) => checkKey(task, key, packet, keyId)));
  const isRevoked = (answer: Verification): boolean => answer.kind === "unverified" && answer.reason === "Revoked";
  return (answers.find(isRevoked) ??
    answers.find((answer) => answer.kind === "verified") ??
    answers[0]) as OpenPgpAnswer;
}

async function checkKey(task: OpenPgpTask, key: Key, packet: SignaturePacket, keyId: string): Promise<Verification> {
  const signer = await nameOf(key, packet.created ?? null);
  const curve = key.getKeys(packet.issuerKeyID)[0]?.getAlgorithmInfo().curve;
  // The library checks them through a package that it does not bring.
  if (curve?.startsWith("brainpool")) {
    return unverified("Unsupported", `the GPG key ${keyId} of ${signer} is of curve ${curve}, which is not checked`);
  }
  const failure = await failureOf(task, key);
  return failure === null ? { kind: "verified", signer } : explain(failure, `the GPG key ${keyId} of ${signer}`);
}

/** The signature's one packet, or why it is refused. */
async function readPacket(armored: string): Promise<SignaturePacket | string> {
  let packets: readonly SignaturePacket[];
  try {
    packets = [...(await readSignature({ armoredSignature: armored, config: CONFIG })).packets];
  } catch (error) {
    return `the GPG signature cannot be read: ${messageOf(error)}`;
  }
  const [packet] = packets;
  // Of several, one good one would hide what the others say; gpg and Git make one.
  if (packet === undefined || packets.length !== 1)
    return `it carries ${packets.length} GPG signatures, and one is wanted`;
  if (packet.signatureType !== enums.signature.binary) return "it is a GPG signature of another type than Git makes";
  return packet;
}

/** Null when the key made the signature and was allowed to. */
async function failureOf({ payload, signature, now }: OpenPgpTask, key: Key): Promise<string | null> {
  try {
    const { signatures } = await verify({
      message: await createMessage({ binary: payload }),
      signature: await readSignature({ armoredSignature: signature, config: CONFIG }),
      verificationKeys: [key],
      date: new Date(now + CLOCK_SKEW_MS),
      config: CONFIG,
    });
    if (signatures.length !== 1) return "no signature";
    await signatures[0]?.verified;
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** The library says in words what failed; what is not known here is told as it says it. */
function explain(failure: string, whose: string): Verification {
  if (/revoked/i.test(failure)) return unverified("Revoked", `${whose} was revoked`);
  if (/Signature is expired/.test(failure)) return unverified("Expired", `the signature by ${whose} has expired`);
  if (/expired/i.test(failure)) return unverified("Expired", `${whose} had expired when it signed`);
  if (/newer than the signature/.test(failure)) return unverified("Expired", `${whose} is younger than the signature`);
  if (/creation time is in the future/.test(failure)) {
    return unverified("Expired", `the signature by ${whose} is dated in the future`);
  }
  if (/digest did not match|verification failed/i.test(failure)) {
    return unverified("BadSignature", `the signature by ${whose} does not match what it signs`);
  }
  return unverified("BadSignature", `the signature by ${whose} is refused: ${failure}`);
}

/** The user id that the key's owner calls the first; the fingerprint of a key without one. */
async function nameOf(key: Key, at: Date | null): Promise<string> {
  const primary =
    (await key.getPrimaryUser(at ?? undefined).catch(() => null)) ?? (await key.getPrimaryUser().catch(() => null));
  const name = primary?.user.userID?.userID ?? key.getUserIDs()[0];
  return printable(name ?? key.getFingerprint().toUpperCase()).slice(0, 250);
}

class UnusableKeys extends Error {
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

const ARMORED = /-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----[\s\S]*?-----END PGP \1 KEY BLOCK-----/g;

/** Every key of a file: armored blocks one after the other, or binary. */
async function readKeyFile({ where, bytes }: KeyFile): Promise<readonly Key[]> {
  const text = Buffer.from(bytes).toString("latin1");
  const blocks = text.includes("-----BEGIN PGP ") ? (text.match(ARMORED) ?? []) : null;
  let keys: readonly Key[];
  try {
    const read =
      blocks === null
        ? [await readKeys({ binaryKeys: bytes, config: CONFIG })]
        : await Promise.all(blocks.map((armoredKeys) => readKeys({ armoredKeys, config: CONFIG })));
    keys = read.flat();
  } catch (error) {
    throw new UnusableKeys(`${where} holds no usable GPG public key: ${messageOf(error)}.`, EXPORT);
  }
  if (keys.length === 0) throw new UnusableKeys(`${where} holds no GPG public key.`, EXPORT);
  if (keys.some((key) => key.isPrivate())) {
    throw new UnusableKeys(
      `${where} holds a private key.`,
      `Take it away from the hub, and mount the public key. ${EXPORT}`,
    );
  }
  return keys;
}

const EXPORT = "Export it with: gpg --armor --export ada@example.com";
