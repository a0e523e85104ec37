import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { AppError } from "../errors.ts";

/** `mj1_<id>_<secret>`: the id finds the token, the secret (160 bits) proves it and is kept nowhere by the hub. */
export interface JoinTokenText {
  /** 16 hex digits. */
  readonly id: string;
  /** 40 hex digits. */
  readonly secret: string;
}

export const TOKEN_ID_BYTES = 8;
export const TOKEN_SECRET_BYTES = 20;

/** `random` gives cryptographically random bytes. */
export function createJoinToken(random: (bytes: number) => Uint8Array): JoinTokenText {
  return {
    id: Buffer.from(random(TOKEN_ID_BYTES)).toString("hex"),
    secret: Buffer.from(random(TOKEN_SECRET_BYTES)).toString("hex"),
  };
}

export const formatJoinToken = (token: JoinTokenText): string => `mj1_${token.id}_${token.secret}`;

/** @throws AppError "invalid"; the message never repeats the token. */
export function parseJoinToken(text: string): JoinTokenText {
  const match = /^mj1_([0-9a-f]{16})_([0-9a-f]{40})$/.exec(text.trim());
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new AppError("invalid", "join.token does not look like a join token (mj1_<id>_<secret>)", {
      fix: "Copy it whole from the output of: muster cluster register NAME",
    });
  }
  return { id: match[1], secret: match[2] };
}

/** Hex SHA-256 of the secret: what the hub keeps, and the key of the HMAC that stands for the secret on the wire. */
export const hashTokenSecret = (secret: string): string => createHash("sha256").update(secret, "utf8").digest("hex");

/** Hex HMAC-SHA-256. `secretHash` is hex. */
export const macWithToken = (secretHash: string, bytes: Uint8Array): string =>
  createHmac("sha256", Buffer.from(secretHash, "hex")).update(bytes).digest("hex");

/** Compares hex strings in a time that does not depend on where they differ. */
export function isEqualHex(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one, "hex"), Buffer.from(other, "hex")];
  return left.byteLength === right.byteLength && left.byteLength > 0 && timingSafeEqual(left, right);
}
