import { createHash, verify } from "node:crypto";
import { CURVES, readSshPublicKey, SshFormatError, type SshPublicKey, SshReader, sshString } from "./ssh-key.ts";

/** A signature as OpenSSH's PROTOCOL.sshsig describes it. */
export interface SshSignature {
  readonly publicKey: SshPublicKey;
  /** As it was written: two keys are the same when these bytes are. */
  readonly keyBlob: Buffer;
  readonly namespace: string;
  readonly hash: "sha256" | "sha512";
  readonly reserved: Buffer;
  readonly blob: Buffer;
}

const MAGIC = "SSHSIG";
/** Of the flags that a hardware token signs: somebody touched it. */
const USER_PRESENT = 0x01;

/** @throws SshFormatError. */
export function readSshSignature(armored: string): SshSignature {
  const base64 = /^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\s]+)\n-----END SSH SIGNATURE-----\s*$/.exec(
    armored.replaceAll("\r\n", "\n"),
  )?.[1];
  if (base64 === undefined) throw new SshFormatError("it is not armored as SSH signatures are");
  const reader = new SshReader(Buffer.from(base64, "base64"));
  if (reader.take(MAGIC.length).toString("latin1") !== MAGIC) throw new SshFormatError("it is no SSH signature");
  const version = reader.uint32();
  if (version !== 1) throw new SshFormatError(`version ${version} of SSH signatures is not known`);
  const keyBlob = reader.string();
  const namespace = reader.text();
  const reserved = reader.string();
  const hash = reader.text();
  const blob = reader.string();
  reader.end();
  if (hash !== "sha256" && hash !== "sha512")
    throw new SshFormatError(`hash ${JSON.stringify(hash.slice(0, 32))} is refused`);
  return { publicKey: readSshPublicKey(keyBlob), keyBlob, namespace, reserved, hash, blob };
}

/** Whether the key in the signature made it over `payload`. Whose key that is, is another question. @throws SshFormatError. */
export function isSignedBy(signature: SshSignature, payload: Uint8Array): boolean {
  const { publicKey, namespace, reserved, hash } = signature;
  const message = Buffer.concat([
    Buffer.from(MAGIC),
    sshString(namespace),
    sshString(reserved),
    sshString(hash),
    sshString(createHash(hash).update(payload).digest()),
  ]);
  const reader = new SshReader(signature.blob);
  const algorithm = reader.text();
  const proof = reader.string();
  const isByToken = publicKey.application !== null;
  const [flags, counter] = isByToken ? [reader.byte(), reader.take(4)] : [USER_PRESENT, Buffer.alloc(0)];
  reader.end();
  if ((flags & USER_PRESENT) === 0) throw new SshFormatError("nobody touched the hardware token when it signed");
  const signed = isByToken
    ? Buffer.concat([sha256(publicKey.application as string), Buffer.from([flags]), counter, sha256(message)])
    : message;
  return checkProof(publicKey, algorithm, signed, proof);
}

function checkProof({ type, key }: SshPublicKey, algorithm: string, signed: Buffer, proof: Buffer): boolean {
  if (type === "ssh-rsa") {
    const hash = { "rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512" }[algorithm];
    if (hash === undefined)
      throw new SshFormatError(`${JSON.stringify(algorithm.slice(0, 64))} is refused; it is too weak`);
    return verify(hash, signed, key, proof);
  }
  if (algorithm !== type) throw new SshFormatError("its algorithm is not that of its key");
  const curve = CURVES[/nistp\d+/.exec(type)?.[0] ?? ""];
  if (curve === undefined) return verify(null, signed, key, proof);
  const reader = new SshReader(proof);
  const numbers = [reader.number(), reader.number()];
  reader.end();
  if (numbers.some((number) => number.length > curve.bytes)) return false;
  const padded = numbers.map((number) => Buffer.concat([Buffer.alloc(curve.bytes - number.length), number]));
  return verify(curve.hash, signed, { key, dsaEncoding: "ieee-p1363" }, Buffer.concat(padded));
}

const sha256 = (bytes: string | Buffer): Buffer => createHash("sha256").update(bytes).digest();
