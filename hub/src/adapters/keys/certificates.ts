import "reflect-metadata"; // x509 asks for it, and says so when it is missing
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { isIP } from "node:net";
import { AppError } from "@muster/shared/errors.ts";
import { keyHashOf } from "@muster/shared/trust/sign.ts";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { IssuedCertificate, SigningRequest } from "../../ports/certificate-authority.ts";

/** X.509 as this hub makes it: a P-256 root, and leaves that say one thing each. */

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface Issuer {
  readonly certificate: string;
  readonly privateKey: KeyObject;
}

export const createP256Key = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "pem", type: "pkcs8" }).toString();

const signingKey = (key: KeyObject) => key.toCryptoKey(ECDSA, true, ["sign"]);
const verifyingKey = (key: KeyObject) => key.toCryptoKey(ECDSA, true, ["verify"]);

export async function createRoot(opts: {
  privateKey: string;
  name: string;
  serial: string;
  notBefore: number;
  notAfter: number;
}): Promise<string> {
  const privateKey = createPrivateKey(opts.privateKey);
  const publicKey = verifyingKey(createPublicKey(privateKey));
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: opts.serial,
    name: [{ O: ["Muster"] }, { CN: [opts.name] }],
    notBefore: new Date(opts.notBefore),
    notAfter: new Date(opts.notAfter),
    signingAlgorithm: ECDSA,
    keys: { privateKey: signingKey(privateKey), publicKey },
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return certificate.toString("pem");
}

interface LeafRequest {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly commonName: string;
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** For TLS clients only: its one name is the identity URI. */
export const issueClientCertificate = (
  issuer: Issuer,
  leaf: LeafRequest & { uri: string },
): Promise<IssuedCertificate> =>
  issue(issuer, leaf, [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth], true),
    new SubjectAlternativeNameExtension([{ type: "url", value: leaf.uri }], true),
  ]);

/** For TLS servers only. `names` are DNS names and IP addresses. */
export const issueServerCertificate = (
  issuer: Issuer,
  leaf: LeafRequest & { names: readonly string[] },
): Promise<IssuedCertificate> =>
  issue(issuer, leaf, [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(
      leaf.names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
    ),
  ]);

async function issue(issuer: Issuer, leaf: LeafRequest, extensions: Extension[]): Promise<IssuedCertificate> {
  const root = new X509Certificate(issuer.certificate);
  const key = createPublicKey({ key: Buffer.from(leaf.publicKey), format: "der", type: "spki" });
  const publicKey = verifyingKey(key);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: leaf.serial,
    subject: [{ CN: [leaf.commonName] }],
    issuer: root.subject,
    notBefore: new Date(leaf.notBefore),
    notAfter: new Date(leaf.notAfter),
    signingAlgorithm: ECDSA,
    publicKey,
    signingKey: signingKey(issuer.privateKey),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...extensions,
      await AuthorityKeyIdentifierExtension.create(root.publicKey),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  const { notBefore, notAfter } = certificate;
  return {
    pem: certificate.toString("pem"),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: notBefore.getTime(),
    notAfter: notAfter.getTime(),
  };
}

/** @throws AppError "invalid": no PKCS#10, not of P-256, or not signed by the key that it asks for. */
export async function readSigningRequest(csr: Uint8Array): Promise<SigningRequest> {
  let request: Pkcs10CertificateRequest;
  let isOwn: boolean;
  let key: KeyObject;
  try {
    request = new Pkcs10CertificateRequest(new Uint8Array(csr));
    key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: "der", type: "spki" });
    isOwn = await request.verify();
  } catch (cause) {
    throw new AppError("invalid", "the certificate signing request cannot be read", { cause });
  }
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new AppError("invalid", "the certificate signing request is not for a P-256 key");
  }
  if (!isOwn) throw new AppError("invalid", "the certificate signing request is not signed by its own key");
  const publicKeyDer = new Uint8Array(key.export({ format: "der", type: "spki" }));
  return { publicKey: keyHashOf(publicKeyDer), publicKeyDer };
}
