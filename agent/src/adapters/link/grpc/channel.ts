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

export const contextOf = (identity: LinkIdentity) =>
  createSecureContext({
    ca: identity.root,
    cert: identity.certificate,
    key: identity.privateKey,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
  });

/** A client of its own connection: mutual TLS 1.3, and the hub must prove the name that only its link carries. */
export function openChannel(identity: LinkIdentity, endpoint: string, opts: { windowBytes?: number } = {}): Client {
  return new Client(endpoint, ChannelCredentials.createFromSecureContext(contextOf(identity)), {
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

/** grpc-js errors, translated once. */
export function translate(error: unknown, what: string): AppError {
  if (error instanceof AppError) return error;
  const { code, details, message } = error as ServiceError;
  return new AppError(CODES[code] ?? "unavailable", `${what}: ${details || message || String(error)}`, {
    cause: error,
  });
}
