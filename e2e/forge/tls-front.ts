import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { selfSignedCertificate } from "./server-certificate.ts";

/** TLS in front of a server that speaks none itself, as an ingress would put it there. */
export interface TlsFront {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly caPem: string;
  close(): Promise<void>;
}

/** @param plainUrl `http://127.0.0.1:PORT` of the server behind. */
export async function tlsFront(plainUrl: string): Promise<TlsFront> {
  const { key, certificate } = await selfSignedCertificate();
  const { port } = new URL(plainUrl);
  const open = new Set<Socket>();
  const keep = (socket: Socket, other: Socket): void => {
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      other.destroy();
    });
    socket.on("error", () => {});
  };
  const server = createServer({ key, cert: certificate }, (outside: TLSSocket) => {
    const inside = connect(Number(port), "127.0.0.1");
    keep(outside, inside);
    keep(inside, outside);
    outside.pipe(inside).pipe(outside);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caPem: certificate,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
