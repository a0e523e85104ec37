import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A stretch of bad network between two processes: cuts, silence, delay and a narrow pipe, changed while it runs. The
 * rate is one pipe for all connections in each direction, shared fairly in slices; the delay is one way.
 */
export interface TcpProxy {
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly endpoint: string;
  /** Milliseconds, one way. */
  setDelay(ms: number): void;
  /** Bits per second in each direction; null: as fast as it goes. */
  setRate(bitsPerSecond: number | null): void;
  /** Resets every connection. New ones are taken unless `refuse` says otherwise. */
  cut(): void;
  /**
   * Every connection there is now is dead, and neither end is told: what a NAT does that forgot them. New ones work.
   * The ends' own sockets stay open until they give up by themselves.
   */
  strand(): void;
  /** Whether new connections are reset. */
  refuse(isRefusing: boolean): void;
  /** While true nothing passes, and nobody is told: the cable is out. */
  silence(isSilent: boolean): void;
  readonly connections: number;
  /** Bytes passed so far, both directions. */
  readonly bytes: number;
  close(): Promise<void>;
}

const SLICE_BYTES = 4_096;

export async function startTcpProxy(target: { host?: string; port: number }): Promise<TcpProxy> {
  let delayMs = 0;
  let rate: number | null = null;
  let isRefusing = false;
  let silence: PromiseWithResolvers<void> | null = null;
  let bytes = 0;
  const sockets = new Set<Socket>();
  const stranded = new WeakSet<Socket>();

  /** One direction of the pipe: when it is free next. */
  const createLane = () => {
    let freeAt = 0;
    return async (length: number): Promise<void> => {
      if (rate === null) return;
      const now = performance.now();
      freeAt = Math.max(now, freeAt) + (length * 8_000) / rate;
      if (freeAt - now > 1) await sleep(freeAt - now);
    };
  };
  const up = createLane();
  const down = createLane();

  const pump = async (from: Socket, to: Socket, lane: (length: number) => Promise<void>): Promise<void> => {
    let delivered: Promise<void> = Promise.resolve();
    for await (const chunk of from) {
      const data = chunk as Buffer;
      for (let at = 0; at < data.length && !stranded.has(from); at += SLICE_BYTES) {
        const slice = data.subarray(at, at + SLICE_BYTES);
        if (silence !== null) await silence.promise;
        await lane(slice.length);
        bytes += slice.length;
        const due = delayMs === 0 ? null : sleep(delayMs);
        const before = delivered;
        delivered = (async () => {
          await before;
          if (due !== null) await due;
          if (silence !== null) await silence.promise;
          if (!to.destroyed && !stranded.has(to) && !to.write(slice)) {
            await new Promise<void>((resolve) => {
              to.once("drain", resolve);
              to.once("close", resolve);
            });
          }
        })();
        if (delayMs === 0) await delivered;
      }
    }
    await delivered;
    if (!stranded.has(from)) to.end();
  };

  const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    if (isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({
      host: target.host ?? "127.0.0.1",
      port: target.port,
      noDelay: true,
      allowHalfOpen: true,
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      const end = () => {
        if (!stranded.has(socket)) other.destroy();
      };
      socket.on("error", end);
      socket.once("close", () => {
        sockets.delete(socket);
        end();
      });
    }
    const lost = () => {};
    pump(client, upstream, up).catch(lost);
    pump(upstream, client, down).catch(lost);
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the proxy has no port");

  const unmute = () => {
    silence?.resolve();
    silence = null;
  };
  return {
    port: address.port,
    endpoint: `127.0.0.1:${address.port}`,
    setDelay: (ms) => {
      delayMs = ms;
    },
    setRate: (bitsPerSecond) => {
      rate = bitsPerSecond;
    },
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    strand: () => {
      for (const socket of sockets) stranded.add(socket);
    },
    refuse: (value) => {
      isRefusing = value;
    },
    silence: (value) => {
      if (!value) unmute();
      else silence ??= Promise.withResolvers<void>();
    },
    get connections() {
      return sockets.size / 2;
    },
    get bytes() {
      return bytes;
    },
    async close() {
      unmute();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
