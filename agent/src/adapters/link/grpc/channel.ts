import { createSecureContext } from "node:tls";
import { ChannelCredentials, Client, type ServiceError, status } from "@grpc/grpc-js";
import { AppError, type ErrorCode } from "@muster/shared/errors.ts";
import { LINK_SERVER_NAME } from "@muster/shared/trust/certificates.ts";
import { MESSAGE_BYTES_MAX } from "@muster/shared/wire/read.ts";

/** What a connection is made with: the newest certificate, each time. */
export interface LinkIdentity {
  /** `host:port`, in order of preference. */
  readonly endpoints: readonly string[];
  /** PEM: the only root that is trusted for the link. */
  readonly root: string;
  readonly certificate: string;
  readonly privateKey: string;
  /** End of the certificate. */
  readonly notAfter: number;
}

export const raw = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A client of its own connection: mutual TLS 1.3, and the hub must prove the name that only its link carries. */
export function openChannel(identity: LinkIdentity, endpoint: string, opts: { windowBytes?: number } = {}): Client {
  const context = createSecureContext({
    ca: identity.root,
    cert: identity.certificate,
    key: identity.privateKey,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
  });
  return new Client(endpoint, ChannelCredentials.createFromSecureContext(context), {
    "grpc.ssl_target_name_override": LINK_SERVER_NAME,
    "grpc.default_authority": LINK_SERVER_NAME,
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
    // A lost connection is the session's end: whoever reconnects does it with a fresh channel and certificate.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_channelz": 0,
    ...(opts.windowBytes === undefined ? {} : { "grpc-node.flow_control_window": opts.windowBytes }),
  });
}

const CODES: Partial<Record<status, ErrorCode>> = {
  [status.PERMISSION_DENIED]: "forbidden",
  [status.UNAUTHENTICATED]: "unauthenticated",
  [status.NOT_FOUND]: "not-found",
  [status.INVALID_ARGUMENT]: "invalid",
  [status.RESOURCE_EXHAUSTED]: "too-large",
  [status.UNIMPLEMENTED]: "unsupported",
};

/** grpc-js errors, translated once. TLS alerts arrive as text inside UNAVAILABLE. */
export function translate(error: unknown, what: string): AppError {
  if (error instanceof AppError) return error;
  const { code, details, message } = error as ServiceError;
  const text = details || message || String(error);
  const known = CODES[code];
  if (known !== undefined) return new AppError(known, `${what}: ${text}`, { cause: error });
  if (/\balert\b.*(certificate|unknown ca|handshake failure|access denied)/i.test(text)) {
    const message_ = `${what}: the hub does not accept this agent's certificate (${text})`;
    return new AppError("unauthenticated", message_, { cause: error });
  }
  if (
    /self.signed certificate|unable to (get|verify).*(issuer|certificate)|altname|invalid purpose|unsuitable certificate/i.test(
      text,
    )
  ) {
    const message_ = `${what}: what answers there is not the hub that this cluster joined (${text})`;
    return new AppError("unavailable", message_, {
      cause: error,
      fix: "Check what stands between this cluster and the hub: the link's TLS must not be terminated on the way.",
    });
  }
  return new AppError("unavailable", `${what}: ${text}`, { cause: error });
}
