import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";

/** An address as people may see it: queries hold signatures, and are of no use to them. */
export const placeOf = (url: URL): string => `${url.origin}${url.pathname.length > 300 ? "/…" : url.pathname}`;

export const tooLarge = (url: URL, bytesMax: number): AppError =>
  new AppError("too-large", `${placeOf(url)} is larger than the ${mebibytes(bytesMax)} that are allowed`);

const mebibytes = (bytes: number): string =>
  bytes >= 1024 * 1024 ? `${Math.floor(bytes / 1024 / 1024)} MiB` : `${Math.ceil(bytes / 1024)} KiB`;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was cut",
  EHOSTUNREACH: "there is no way to this host",
  ENETUNREACH: "there is no way to its network",
  ENOTFOUND: "the name does not resolve",
  ETIMEDOUT: "it does not answer",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer",
  UND_ERR_HEADERS_TIMEOUT: "it accepted the connection and does not answer",
  UND_ERR_BODY_TIMEOUT: "it stopped in the middle of its answer",
  UND_ERR_SOCKET: "the connection was cut",
  Z_DATA_ERROR: "its answer is damaged",
};

/** What undici, TLS and the system say, for people. An AppError on the way (an address that was refused) stays itself. */
export function failureOf(error: unknown, url: URL): AppError {
  for (let cause: unknown = error; cause instanceof Error; cause = innerOf(cause)) {
    if (isAppError(cause)) return cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined) continue;
    if (isCertificateFault(code)) {
      return new AppError("invalid", `${url.host} cannot be trusted: ${cause.message}`, {
        cause: error,
        retryable: true,
        fix: "If it has a certificate of your own authority, mount that as ca.crt in the credential.",
      });
    }
    const reason = REASONS[code];
    if (reason !== undefined) {
      return new AppError("unavailable", `${placeOf(url)} cannot be reached: ${reason}`, { cause: error });
    }
  }
  return new AppError("unavailable", `${placeOf(url)} cannot be reached: ${messageOf(error)}`, { cause: error });
}

const innerOf = (error: Error): unknown => (error instanceof AggregateError ? error.errors[0] : error.cause);

const isCertificateFault = (code: string): boolean =>
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(VERIFY|GET_ISSUER)|HOSTNAME_MISMATCH|INVALID_CA)/.test(
    code,
  );
