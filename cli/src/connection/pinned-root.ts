import { createHash, X509Certificate } from "node:crypto";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { EXIT, Failure } from "../failure.ts";

const TIMEOUT_MS = 10_000;

/**
 * Fetches the root certificate that a hub's TLS chain ends in, and accepts it only if its public key has the hash that
 * came by another way (`sha256:<hex>` over the SubjectPublicKeyInfo, as `muster cluster register` prints it).
 * Nothing is sent on the connection; what is trusted is the hash, not the network.
 * @throws Failure "refused" when no certificate of the chain has that hash, "unreachable".
 */
export async function fetchPinnedRoot(hubUrl: string, caHash: string): Promise<string> {
  const { hostname, port } = new URL(hubUrl);
  const chain = await peerChain(hostname.replace(/^\[|\]$/g, ""), Number(port || 443));
  const found = chain
    .map((der) => new X509Certificate(der))
    .map((certificate) => ({ certificate, hash: keyHash(certificate) }));
  const pinned = found.find(({ certificate, hash }) => certificate.ca && hash === caHash.toLowerCase());
  if (pinned === undefined) {
    const seen = found.at(-1)?.hash ?? "nothing";
    throw new Failure(EXIT.refused, `${hubUrl} does not show the root ${caHash}; its chain ends in ${seen}.`, {
      fix: "Something stands between you and the hub, or the hub was rebuilt. Ask for its CA file and use --ca-file.",
    });
  }
  return pinned.certificate.toString();
}

/** `sha256:<hex>` over a certificate's SubjectPublicKeyInfo. */
export function keyHash(certificate: X509Certificate): string {
  const der = certificate.publicKey.export({ type: "spki", format: "der" });
  return `sha256:${createHash("sha256").update(der).digest("hex")}`;
}

function peerChain(host: string, port: number): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const unreachable = (reason: string, cause?: unknown) =>
      new Failure(EXIT.unreachable, `cannot reach ${host}:${port}: ${reason}`, { cause });
    // Not verified here by intent: the chain is compared with the hash, and every later call verifies against it.
    const socket = connect({ host, port, servername: /^[\d.:]+$/.test(host) ? "" : host, rejectUnauthorized: false });
    const settle = (action: () => void) => {
      socket.destroy();
      action();
    };
    socket.setTimeout(TIMEOUT_MS, () => settle(() => reject(unreachable("no answer in time"))));
    socket.once("error", (error) => settle(() => reject(unreachable(error.message, error))));
    socket.once("secureConnect", () => {
      const chain = unfold(socket.getPeerCertificate(true));
      settle(() => resolve(chain));
    });
  });
}

function unfold(leaf: DetailedPeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = [];
  for (let current = leaf; current?.raw && chain.length < 8; current = current.issuerCertificate) {
    if (chain.some((der) => der.equals(current.raw))) break;
    chain.push(current.raw);
  }
  return chain;
}
