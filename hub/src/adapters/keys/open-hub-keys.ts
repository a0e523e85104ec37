import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import type { HubId } from "@muster/shared/model/ids.ts";
import { formatIdentityUri, isIssuedBy, readCertificate } from "@muster/shared/trust/certificates.ts";
import { DOMAIN } from "@muster/shared/trust/domain.ts";
import { keySetFromJson, keySetToJson } from "@muster/shared/trust/enrolment.ts";
import { ROOT_KEY_ID, signKeySet, unionOfKeySets, verifyKeySets } from "@muster/shared/trust/key-set.ts";
import { keyIdOf, rawEd25519, signEd25519, signP256 } from "@muster/shared/trust/sign.ts";
import { verifyAssignment } from "@muster/shared/trust/verify.ts";
import type { AssignmentSigner } from "../../ports/assignment-signer.ts";
import type { CertificateAuthority, ServerCertificate } from "../../ports/certificate-authority.ts";
import { createP256Key, createRoot, type Issuer, issueClientCertificate, readSigningRequest } from "./certificates.ts";
import { createKeyFile, type KeyFile, pathOfKeys, readKeyFile } from "./key-file.ts";
import { keepServerCertificate } from "./server-certificate.ts";

const DAY_MS = 24 * 60 * 60_000;
const ROOT_LIFE_MS = 3_653 * DAY_MS;
const AGENT_LIFE_MS = DAY_MS;
const BACKDATE_MS = 5 * 60_000;

export interface HubKeys {
  readonly hubId: HubId;
  readonly authority: CertificateAuthority;
  readonly signer: AssignmentSigner;
  /** A self-renewing pair for these DNS names and IP addresses, issued by the root. Renewal ends with `signal`. */
  serverCertificate(opts: { names: readonly string[]; signal: AbortSignal }): Promise<ServerCertificate>;
}

export interface HubKeysOptions {
  /** A directory of the keys' own: made with mode 0700 if it is not there. */
  readonly directory: string;
  readonly clock: Clock;
  /** Cryptographically random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** `never`: keys must be there already, as when the store says that this hub has lived before. */
  readonly create?: "if-absent" | "never";
}

/**
 * Loads the hub's id, root and signing keys, making them on the first start.
 * @throws AppError "corrupt" (unreadable, incomplete, parts that do not belong together), "forbidden" (open to other
 * users), "not-found" (none there, with `create: "never"`), "unavailable" (cannot be written).
 */
export async function openHubKeys(opts: HubKeysOptions): Promise<HubKeys> {
  const stored = (await readKeyFile(opts.directory)) ?? (await makeKeys(opts));
  return useKeys(stored, opts);
}

async function makeKeys(opts: HubKeysOptions): Promise<KeyFile> {
  if (opts.create === "never") {
    throw new AppError(
      "not-found",
      `the hub's keys are not at ${pathOfKeys(opts.directory)}, and this hub has lived before.`,
      {
        fix: "Restore the file from its backup. Agents trust these keys only: with new ones every cluster has to join again.",
      },
    );
  }
  const now = opts.clock.now();
  const hubId = `hub-${hex(opts.random(8))}`;
  const rootKey = createP256Key();
  const certificate = await createRoot({
    privateKey: rootKey,
    name: hubId,
    serial: serialFrom(opts.random),
    notBefore: now - BACKDATE_MS,
    notAfter: now + ROOT_LIFE_MS,
  });
  const signing = generateKeyPairSync("ed25519");
  const publicKey = rawEd25519(signing.publicKey);
  const id = keyIdOf(publicKey);
  const first = signKeySet(
    { version: 1, keys: [{ id, publicKey }] },
    { keyId: ROOT_KEY_ID, sign: (payload) => signP256(createPrivateKey(rootKey), DOMAIN.keySet, payload) },
  );
  const privateKey = signing.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const keys: KeyFile = {
    format: "muster-hub-keys/v1",
    hubId,
    root: { privateKey: rootKey, certificate },
    signingKeys: [{ id, privateKey }],
    keySets: [keySetToJson(first)],
  };
  if (await createKeyFile(opts.directory, keys, `.hub-keys.${hex(opts.random(8))}`)) return keys;
  const theirs = await readKeyFile(opts.directory);
  if (theirs === null) throw new AppError("unavailable", `the hub's keys in ${opts.directory} came and went`);
  return theirs;
}

function useKeys(stored: KeyFile, opts: HubKeysOptions): HubKeys {
  const path = pathOfKeys(opts.directory);
  const facts = readCertificate(stored.root.certificate);
  const rootKey = privateKeyOf(stored.root.privateKey, path, "root");
  const spki = createPublicKey(rootKey).export({ format: "der", type: "spki" });
  if (!Buffer.from(facts.spki).equals(spki) || !isIssuedBy(stored.root.certificate, stored.root.certificate)) {
    throw mixed(path, "the root's key and certificate are not a pair");
  }
  const keySets = stored.keySets.map(keySetFromJson);
  const sets = verifyKeySets(keySets, facts.spki);
  const ever = unionOfKeySets(sets);
  const inForce = sets.at(-1);
  const newest = stored.signingKeys.at(-1);
  if (newest === undefined || inForce?.keys.every(({ id }) => id !== newest.id)) {
    throw mixed(path, "the signing key is not in the key set");
  }
  const signingKey = privateKeyOf(newest.privateKey, path, newest.id);
  if (keyIdOf(rawEd25519(createPublicKey(signingKey))) !== newest.id) throw mixed(path, `${newest.id} is another key`);

  const hubId = stored.hubId as HubId;
  const issuer: Issuer = { certificate: stored.root.certificate, privateKey: rootKey };
  const current = keySets.at(-1) ?? keySetFromJson(stored.keySets[0] as KeyFile["keySets"][number]);

  const authority: CertificateAuthority = {
    hubId,
    root: stored.root.certificate,
    caHash: facts.publicKey,
    readSigningRequest,
    async issueAgentCertificate(csr, { clusterId, clusterUid, now }) {
      const { publicKeyDer } = await readSigningRequest(csr);
      return issueClientCertificate(issuer, {
        publicKey: publicKeyDer,
        commonName: clusterId,
        serial: serialFrom(opts.random),
        notBefore: now - BACKDATE_MS,
        notAfter: now + AGENT_LIFE_MS,
        uri: formatIdentityUri({ hubId, clusterId, clusterUid }),
      });
    },
    sign: (domain, payload) => signP256(rootKey, domain, payload),
  };
  const signer: AssignmentSigner = {
    sign: (payload) => ({ payload, keyId: newest.id, signature: signEd25519(signingKey, DOMAIN.assignment, payload) }),
    verify: (signed) => verifyAssignment(signed, ever).kind === "valid",
    keySet: () => current,
    keySets: () => keySets,
  };
  return {
    hubId,
    authority,
    signer,
    serverCertificate: ({ names, signal }) =>
      keepServerCertificate({ issuer, names, serial: () => serialFrom(opts.random), clock: opts.clock, signal }),
  };
}

function privateKeyOf(pem: string, path: string, which: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw mixed(path, `the private key "${which}" cannot be read`);
  }
}

const mixed = (path: string, why: string): AppError =>
  new AppError("corrupt", `the hub's keys at ${path} cannot be used: ${why}.`, {
    fix: "Restore the file from its backup. Agents trust these keys only: with new ones every cluster has to join again.",
  });

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** 127 random bits and a first bit that keeps the number positive and of full length. */
function serialFrom(random: (bytes: number) => Uint8Array): string {
  const bytes = Buffer.from(random(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString("hex");
}
