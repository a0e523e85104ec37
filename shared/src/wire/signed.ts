import { AppError } from "../errors.ts";
import { PAYLOAD_BYTES_MAX } from "./read.ts";

/** Payload bytes that are never re-encoded, with who signed them. SignedAssignment and SignedKeySet share the shape. */
export interface SignedBytes {
  readonly payload: Uint8Array;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

export const signedToMessage = ({ payload, keyId, signature }: SignedBytes) => ({ payload, keyId, signature });

/** @throws AppError "invalid" when a part is missing or beyond its bound. */
export function signedFromMessage(message: SignedBytes | undefined, what: string): SignedBytes {
  if (message === undefined) throw new AppError("invalid", `${what} is missing`);
  const { payload, keyId, signature } = message;
  if (payload.byteLength === 0 || payload.byteLength > PAYLOAD_BYTES_MAX) {
    throw new AppError("invalid", `${what}: a payload of ${payload.byteLength} bytes`);
  }
  if (keyId.length === 0 || keyId.length > 128)
    throw new AppError("invalid", `${what}: the key id is missing or too long`);
  if (signature.byteLength !== 64) {
    throw new AppError("invalid", `${what}: a signature of ${signature.byteLength} bytes; it has 64`);
  }
  return { payload, keyId, signature };
}
