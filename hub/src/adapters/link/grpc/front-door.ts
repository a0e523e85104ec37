import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { ServerCertificate } from "../../../ports/certificate-authority.ts";
import type { LinkLimits } from "./limits.ts";
import { createTurnstile } from "./turnstile.ts";

/**
 * The listening socket and TLS before gRPC sees anything: who has no certificate of this hub's root never reaches it.
 * Handshakes are let in a few at a time, because each costs CPU and a thousand agents may come back at once; sockets in
 * line are not read. grpc-js could listen itself, but offers neither the TLS version nor any of these bounds.
 */
export interface FrontDoor {
  readonly port: number;
  /** Destroys the connection with this remote `address:port`. */
  cut(address: string): void;
  close(): Promise<void>;
}

export async function openFrontDoor(opts: {
  host: string;
  port: number;
  root: string;
  certificate: ServerCertificate;
  limits: LinkLimits;
  log: Log;
  /** A connection with a verified client certificate. */
  onConnection: (socket: TLSSocket) => void;
}): Promise<FrontDoor> {
  const { limits, log } = opts;
  const sockets = new Map<string, Socket>();
  const waysOut = new Map<string, () => void>();
  const handshakes = createTurnstile({
    atOnceMax: limits.handshakesAtOnceMax,
    waitingMax: limits.handshakesWaitingMax,
  });

  const contextOf = (pair: { certificate: string; key: string }) => ({
    ca: opts.root,
    cert: pair.certificate,
    key: pair.key,
    minVersion: "TLSv1.3" as const,
    maxVersion: "TLSv1.3" as const,
  });
  const tls = createTlsServer({
    ...contextOf(opts.certificate.current()),
    requestCert: true,
    // Decided below, as Node itself would (after the handshake, on OpenSSL's verdict), but with the reason in the log.
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    handshakeTimeout: limits.handshakeTimeoutMs,
  });
  const stopRenewing = opts.certificate.onRenewed((pair) => tls.setSecureContext(contextOf(pair)));
  tls.on("secureConnection", (socket) => {
    waysOut.get(keyOf(socket))?.();
    // grpc-js leaves the errors of an injected socket to whoever injected it.
    socket.on("error", () => socket.destroy());
    if (!socket.authorized) {
      const reason = String(socket.authorizationError ?? "no certificate");
      log.warn({ address: keyOf(socket), reason }, "connection without an accepted certificate");
      socket.destroy();
      return;
    }
    opts.onConnection(socket);
  });
  tls.on("tlsClientError", (error, socket) => {
    log.warn({ address: keyOf(socket), reason: messageOf(error) }, "TLS handshake failed");
  });

  const server = createServer({ noDelay: true, pauseOnConnect: true }, async (socket) => {
    const key = keyOf(socket);
    const isGone = new AbortController();
    sockets.set(key, socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      sockets.delete(key);
      waysOut.get(key)?.();
      waysOut.delete(key);
      isGone.abort();
    });
    try {
      waysOut.set(key, await handshakes.enter(isGone.signal));
    } catch (error) {
      if (!isGone.signal.aborted) log.warn({ address: key, reason: messageOf(error) }, "connection turned away");
      socket.destroy();
      return;
    }
    if (socket.destroyed) waysOut.get(key)?.();
    else tls.emit("connection", socket);
  });
  server.maxConnections = limits.connectionsMax;
  await listen(server, opts.host, opts.port);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : opts.port;

  return {
    port,
    cut: (address) => sockets.get(address)?.destroy(),
    async close() {
      stopRenewing();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets.values()) socket.destroy();
      await closed;
      tls.removeAllListeners();
    },
  };
}

const keyOf = (socket: Socket): string => `${socket.remoteAddress}:${socket.remotePort}`;

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `cannot listen for agents on ${host}:${port}: ${messageOf(cause)}`;
      reject(new AppError("unavailable", message, { cause, retryable: false }));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      server.on("error", () => {});
      resolve();
    });
  });
}
