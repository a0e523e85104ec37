import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import type { HubId } from "@muster/shared/model/ids.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";
import { DOMAIN } from "@muster/shared/trust/domain.ts";
import { keyIdOf, rawEd25519, signEd25519 } from "@muster/shared/trust/sign.ts";
import { verifyAssignment } from "@muster/shared/trust/verify.ts";
import type { AssignmentSigner } from "../ports/assignment-signer.ts";
import type { CertificateAuthority } from "../ports/certificate-authority.ts";

export interface TestKeys {
  readonly authority: CertificateAuthority;
  readonly signer: AssignmentSigner;
}

/** Real Ed25519 signatures; certificates are not part of these tests. */
export function createTestKeys(): TestKeys {
  const pair = generateKeyPairSync("ed25519");
  const privateKey: KeyObject = pair.privateKey;
  const publicKey = rawEd25519(createPublicKey(privateKey));
  const id = keyIdOf(publicKey);
  const keySet = { payload: new Uint8Array([1]), keyId: "root", signature: new Uint8Array(64) };
  const unused = (): never => {
    throw new Error("no certificates in this test");
  };
  return {
    authority: {
      hubId: `hub-${randomBytes(4).toString("hex")}` as HubId,
      root: "",
      caHash: `sha256:${"0".repeat(64)}` as KeyHash,
      readSigningRequest: unused,
      issueAgentCertificate: unused,
      sign: unused,
    },
    signer: {
      sign: (payload) => ({ payload, keyId: id, signature: signEd25519(privateKey, DOMAIN.assignment, payload) }),
      verify: (signed) => verifyAssignment(signed, { version: 1, keys: [{ id, publicKey }] }).kind === "valid",
      keySet: () => keySet,
      keySets: () => [keySet],
    },
  };
}
