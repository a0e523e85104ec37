import { create, toBinary } from "@bufbuild/protobuf";
import { z } from "zod";
import type { KeySet, SignedKeySet } from "../model/session.ts";
import { KeySetSchema, SignedKeySetSchema } from "./generated/muster/v1/assignment_pb.js";
import { MESSAGE_BYTES_MAX, PAYLOAD_BYTES_MAX, readMessage, readModel } from "./read.ts";
import { signedFromMessage, signedToMessage } from "./signed.ts";

const keySet = z.object({
  version: z.int().min(1),
  keys: z
    .array(
      z.object({
        id: z.string().min(1).max(128),
        publicKey: z
          .instanceof(Uint8Array)
          .refine((bytes) => bytes.byteLength === 32, "an Ed25519 public key has 32 bytes"),
      }),
    )
    .min(1)
    .max(16),
});

/** The bytes that are signed. */
export function encodeKeySet(value: KeySet): Uint8Array {
  return toBinary(
    KeySetSchema,
    create(KeySetSchema, {
      version: value.version,
      keys: value.keys.map((key) => ({ id: key.id, publicKey: key.publicKey })),
    }),
  );
}

/** @throws AppError "corrupt", "invalid", "too-large". */
export function decodeKeySet(payload: Uint8Array): KeySet {
  const message = readMessage(KeySetSchema, payload, { what: "key set", bytesMax: PAYLOAD_BYTES_MAX });
  const keys = message.keys.map(({ id, publicKey }) => ({ id, publicKey }));
  return readModel(keySet, { version: message.version, keys }, "key set");
}

export function encodeSignedKeySet(signed: SignedKeySet): Uint8Array {
  return toBinary(SignedKeySetSchema, create(SignedKeySetSchema, signedToMessage(signed)));
}

/** @throws AppError "corrupt", "invalid", "too-large". */
export function decodeSignedKeySet(bytes: Uint8Array): SignedKeySet {
  const what = "signed key set";
  return signedFromMessage(readMessage(SignedKeySetSchema, bytes, { what, bytesMax: MESSAGE_BYTES_MAX }), what);
}
