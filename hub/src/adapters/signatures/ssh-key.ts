import { createHash, createPublicKey, type KeyObject, type webcrypto } from "node:crypto";

/** Shorter ones are refused, as gpg keys are. */
export const RSA_BITS_MIN = 2_048;

/** A public key as SSH writes it. */
export interface SshPublicKey {
  /** `ssh-ed25519`, `sk-ecdsa-sha2-nistp256@openssh.com`. */
  readonly type: string;
  readonly key: KeyObject;
  /** Of a key that a hardware token holds: what it was made for, `ssh:`. */
  readonly application: string | null;
}

/** What the bytes mean cannot be told, or is nothing that is checked here. The message is for people. */
export class SshFormatError extends Error {}

/** Reads SSH's wire format: lengths of four bytes, then that many bytes. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new SshFormatError("it ends too early");
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  text(): string {
    return this.string().toString("latin1");
  }

  /** A positive whole number, without leading zeros. */
  number(): Buffer {
    const bytes = this.string();
    if ((bytes[0] ?? 0) & 0x80) throw new SshFormatError("a number in it is negative");
    let begin = 0;
    while (begin < bytes.length && bytes[begin] === 0) begin += 1;
    return bytes.subarray(begin);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new SshFormatError("there is something after its end");
  }
}

/** `text` as SSH's wire format writes it. */
export function sshString(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text as Uint8Array);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Curve by the name that SSH gives it. */
export const CURVES: Readonly<Record<string, { jwk: string; bytes: number; hash: string }>> = {
  nistp256: { jwk: "P-256", bytes: 32, hash: "sha256" },
  nistp384: { jwk: "P-384", bytes: 48, hash: "sha384" },
  nistp521: { jwk: "P-521", bytes: 66, hash: "sha512" },
};

/** @throws SshFormatError. */
export function readSshPublicKey(blob: Buffer): SshPublicKey {
  const reader = new SshReader(blob);
  const type = reader.text();
  let jwk: webcrypto.JsonWebKey;
  let application: string | null = null;
  switch (type) {
    case "ssh-ed25519":
    case "sk-ssh-ed25519@openssh.com":
      jwk = { kty: "OKP", crv: "Ed25519", x: base64Url(reader.string()) };
      break;
    case "ecdsa-sha2-nistp256":
    case "ecdsa-sha2-nistp384":
    case "ecdsa-sha2-nistp521":
    case "sk-ecdsa-sha2-nistp256@openssh.com":
      jwk = readPoint(reader, /nistp\d+/.exec(type)?.[0] as string);
      break;
    case "ssh-rsa":
      jwk = { kty: "RSA", e: base64Url(reader.number()), n: base64Url(reader.number()) };
      break;
    default:
      throw new SshFormatError(
        /-cert-v\d+@/.test(type)
          ? "SSH certificates are not checked; sign with the plain key, and list that"
          : `keys of type ${JSON.stringify(type.slice(0, 64))} are not checked`,
      );
  }
  if (type.startsWith("sk-")) application = reader.text();
  reader.end();
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    throw new SshFormatError(`it is no valid ${type} key`);
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < RSA_BITS_MIN) {
    throw new SshFormatError(`RSA keys of ${bits} bits are too weak; use ${RSA_BITS_MIN} or more, or ed25519`);
  }
  return { type, key, application };
}

function readPoint(reader: SshReader, curveName: string): webcrypto.JsonWebKey {
  const curve = CURVES[curveName];
  if (reader.text() !== curveName || curve === undefined) throw new SshFormatError("its curve is not that of its type");
  const point = reader.string();
  if (point.length !== 1 + 2 * curve.bytes || point[0] !== 4) throw new SshFormatError("its point is malformed");
  return {
    kty: "EC",
    crv: curve.jwk,
    x: base64Url(point.subarray(1, 1 + curve.bytes)),
    y: base64Url(point.subarray(1 + curve.bytes)),
  };
}

const base64Url = (bytes: Buffer): string => bytes.toString("base64url");

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export const fingerprintOf = (keyBlob: Buffer): string =>
  `SHA256:${createHash("sha256").update(keyBlob).digest("base64").replace(/=+$/, "")}`;
