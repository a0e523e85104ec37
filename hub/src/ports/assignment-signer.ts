import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { SignedKeySet } from "@muster/shared/model/session.ts";

/** Signs what agents act upon. */
export interface AssignmentSigner {
  /** Ed25519 over "muster/assignment/v1" NUL payload: the same payload gives the same bytes. */
  sign(payload: Uint8Array): SignedAssignment;
  /** Whether this hub once signed it, by any key it ever had: how an agent proves what the hub has forgotten. */
  verify(signed: SignedAssignment): boolean;
  /** The key set in force: what HelloAck carries. */
  keySet(): SignedKeySet;
  /** Every key set there was, oldest first. */
  keySets(): readonly SignedKeySet[];
}
