import { connect } from "node:tls";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import { LINK_SERVER_NAME } from "@muster/shared/trust/certificates.ts";
import { contextOf, type LinkIdentity } from "./channel.ts";

const TIMEOUT_MS = 5_000;

/**
 * Why a connection does not come about. grpc-js says "Failed to connect" and no more, so a bare TLS connection is made
 * once, to hear it. With TLS 1.3 the hub judges our certificate when the handshake is over for us: a hub that does not
 * accept it closes then, before it has said anything.
 */
export function diagnose(identity: LinkIdentity, endpoint: string, failure: AppError): Promise<AppError> {
  const colon = endpoint.lastIndexOf(":");
  const host = endpoint.slice(0, colon).replace(/^\[|\]$/g, "");
  const what = `connect to ${endpoint}`;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(endpoint.slice(colon + 1)),
      servername: LINK_SERVER_NAME,
      secureContext: contextOf(identity),
      ALPNProtocols: ["h2"],
      timeout: TIMEOUT_MS,
    });
    const done = (verdict: AppError) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(verdict);
    };
    const timer = setTimeout(() => done(failure), TIMEOUT_MS);
    let isSecure = false;
    socket.once("secureConnect", () => {
      isSecure = true;
    });
    // An HTTP/2 server speaks first: by then it has accepted the certificate, and the failure was of another kind.
    socket.once("data", () => done(failure));
    socket.once("close", () => done(isSecure ? notAccepted(identity, what) : failure));
    socket.once("error", (cause) => done(verdictOf(cause, what)));
  });
}

function verdictOf(cause: Error & { code?: string }, what: string): AppError {
  const code = cause.code ?? "";
  if (/^ERR_SSL_.*ALERT/.test(code))
    return new AppError(
      "unauthenticated",
      `${what}: the hub does not accept this agent's certificate (${messageOf(cause)})`,
      { cause },
    );
  if (/CERT|SIGNATURE|ALTNAME|PURPOSE|ISSUER|ERR_SSL|ERR_TLS/.test(code)) {
    const message = `${what}: what answers there is not the hub that this cluster joined (${messageOf(cause)})`;
    const fix = "Check what stands between this cluster and the hub: the link's TLS must not be terminated on the way.";
    return new AppError("unavailable", message, { cause, fix });
  }
  return new AppError("unavailable", `${what}: ${messageOf(cause)}`, { cause });
}

function notAccepted(identity: LinkIdentity, what: string): AppError {
  const end = new Date(identity.notAfter).toISOString();
  const message = `${what}: the hub does not accept this agent's certificate (valid until ${end} by the hub's clock when it was made); the hub's log has the reason.`;
  return new AppError("unauthenticated", message, {
    fix: "The agent renews it by itself. If that is refused too, the clocks may differ, or the cluster was removed from the hub.",
  });
}
