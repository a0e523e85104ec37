import type { ServerDuplexStream, ServerWritableStream } from "@grpc/grpc-js";
import { AppError } from "@muster/shared/errors.ts";
import { clusterId } from "@muster/shared/model/ids.ts";
import { readCertificate, readIdentityUri } from "@muster/shared/trust/certificates.ts";
import type { Peer } from "../../../ports/agent-link.ts";

export type ConnectCall = ServerDuplexStream<Buffer, Uint8Array>;
export type FetchCall = ServerWritableStream<Buffer, Uint8Array>;

/**
 * Who is calling, from the certificate that TLS verified. A resumed TLS session is not verified anew, so the time is
 * checked here. @throws AppError "unauthenticated".
 */
export function peerOf(
  call: ConnectCall | FetchCall,
  opts: { hubId: string; now: number },
): Peer & { notAfter: number } {
  const raw = call.getAuthContext().sslPeerCertificate?.raw;
  if (raw === undefined) throw new AppError("unauthenticated", "no client certificate was accepted on this connection");
  const certificate = readCertificate(raw);
  const identity = readIdentityUri(certificate.uris);
  if (identity.hubId !== opts.hubId) {
    throw new AppError("unauthenticated", `the certificate is for ${identity.hubId}, and this is ${opts.hubId}`);
  }
  if (opts.now >= certificate.notAfter) {
    throw new AppError("unauthenticated", `the certificate expired at ${new Date(certificate.notAfter).toISOString()}`);
  }
  return {
    clusterId: clusterId.parse(identity.clusterId),
    clusterUid: identity.clusterUid,
    certificateSerial: certificate.serial,
    publicKey: certificate.publicKey,
    address: call.getPeer(),
    notAfter: certificate.notAfter,
  };
}
