import { AppError } from "../errors.ts";
import type { KeySet, SignedKeySet } from "../model/session.ts";
import { decodeKeySet, encodeKeySet } from "../wire/key-set.ts";
import { DOMAIN } from "./domain.ts";
import { verifyEd25519, verifyP256 } from "./verify.ts";

/**
 * Key sets form a chain: version 1 is signed by the hub's root, every later one by a key of the set before it. Who
 * trusts the root, or any set of the chain, can follow it to the newest without asking anybody.
 */

/** The key id of a set that the root signed. */
export const ROOT_KEY_ID = "root";

/** Signs `next`; `signer` is the root (for version 1) or a key of the set before. */
export function signKeySet(
  next: KeySet,
  signer: { readonly keyId: string; sign(payload: Uint8Array): Uint8Array },
): SignedKeySet {
  const payload = encodeKeySet(next);
  return { payload, keyId: signer.keyId, signature: signer.sign(payload) };
}

/**
 * The whole chain, oldest first, checked from the root on (`rootKey`: SubjectPublicKeyInfo, DER). Returns every set.
 * @throws AppError "corrupt" that names the link that does not hold.
 */
export function verifyKeySets(chain: readonly SignedKeySet[], rootKey: Uint8Array): readonly KeySet[] {
  const verified: KeySet[] = [];
  for (const signed of chain) {
    const before = verified.at(-1);
    verified.push(before === undefined ? verifyFirst(signed, rootKey) : followKeySet(before, signed));
  }
  if (verified.length === 0) throw new AppError("corrupt", "the hub sent no key set");
  return verified;
}

/** The successor of a trusted set. @throws AppError "corrupt" when it is none. */
export function followKeySet(trusted: KeySet, signed: SignedKeySet): KeySet {
  const key = trusted.keys.find(({ id }) => id === signed.keyId);
  if (key === undefined) {
    throw new AppError("corrupt", `key set signed by ${signed.keyId}, which key set ${trusted.version} does not hold`);
  }
  if (!verifyEd25519(key.publicKey, DOMAIN.keySet, signed.payload, signed.signature)) {
    throw new AppError(
      "corrupt",
      `key set after version ${trusted.version}: the signature by ${signed.keyId} is wrong`,
    );
  }
  const next = decodeKeySet(signed.payload);
  if (next.version !== trusted.version + 1) {
    throw new AppError("corrupt", `key set ${next.version} follows ${trusted.version}: one between them is missing`);
  }
  return next;
}

function verifyFirst(signed: SignedKeySet, rootKey: Uint8Array): KeySet {
  if (signed.keyId !== ROOT_KEY_ID) {
    throw new AppError("corrupt", `the first key set is signed by ${signed.keyId}, and not by the hub's root`);
  }
  if (!verifyP256(rootKey, DOMAIN.keySet, signed.payload, signed.signature)) {
    throw new AppError("corrupt", "the first key set: the signature by the hub's root is wrong");
  }
  const first = decodeKeySet(signed.payload);
  if (first.version !== 1)
    throw new AppError("corrupt", `the root signed key set ${first.version}; it signs the first`);
  return first;
}

/** One set that holds the keys of all: what an agent accepted once it keeps trusting after a rotation. */
export function unionOfKeySets(sets: readonly KeySet[]): KeySet {
  const keys = new Map(sets.flatMap((set) => set.keys.map((key) => [key.id, key] as const)));
  return { version: sets.at(-1)?.version ?? 0, keys: [...keys.values()] };
}
