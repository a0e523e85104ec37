import { buildConnector } from "undici";
import type { ClusterConnection, ConnectionTls } from "./connection.ts";

/** Half-open connections are noticed by the kernel within about a minute. */
const TCP_KEEP_ALIVE_MS = 15_000;

/** Opens connections with the TLS that is valid now: a rotated CA or client certificate needs no restart. */
export function rotatingConnector(connection: ClusterConnection): buildConnector.connector {
  let current: { tls: ConnectionTls; connect: buildConnector.connector } | undefined;
  return (options, callback) => {
    connection.tls().then(
      (tls) => {
        if (current?.tls !== tls) {
          const connect = buildConnector({
            ...tls,
            allowH2: false,
            timeout: 10_000,
            keepAlive: true,
            keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
          });
          current = { tls, connect };
        }
        current.connect(options, callback);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
}
