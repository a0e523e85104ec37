import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface CountingProxy {
  readonly port: number;
  /** Both ways, since it began. */
  bytes(): number;
  close(): Promise<void>;
}

/** Passes TCP on to a port of loopback and counts what goes through. */
export async function countingProxy(target: number): Promise<CountingProxy> {
  let bytes = 0;
  const open = new Set<Socket>();
  // It must not hold back what it passes on: Nagle's algorithm against delayed acknowledgements costs 40 ms.
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: target, host: "127.0.0.1", noDelay: true });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on("data", (chunk) => {
        bytes += chunk.length;
      });
      from.on("error", () => to.destroy());
      from.on("close", () => open.delete(from));
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    bytes: () => bytes,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
