import "reflect-metadata"; // x509 asks for it, and says so when it is missing
import { createPrivateKey, createPublicKey, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import type { KeyMaker } from "../../ports/joining.ts";

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** P-256 keys made by OpenSSL, requests for certificates by @peculiar/x509. */
export function createKeyMaker(): KeyMaker {
  return {
    async createKey() {
      const { privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: "P-256" });
      return privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    },
    async createSigningRequest(pem) {
      const privateKey = createPrivateKey(pem);
      const request = await Pkcs10CertificateRequestGenerator.create({
        name: "CN=muster-agent",
        signingAlgorithm: ECDSA,
        keys: {
          privateKey: privateKey.toCryptoKey(ECDSA, true, ["sign"]),
          publicKey: createPublicKey(privateKey).toCryptoKey(ECDSA, true, ["verify"]),
        },
      });
      return new Uint8Array(request.rawData);
    },
  };
}
