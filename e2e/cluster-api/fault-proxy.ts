import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Agent, request } from "undici";

/** Stands between a client and a real API server, on loopback, and breaks what it is told to break. */
export interface FaultProxy {
  readonly server: string;
  /** Breaks every connection and lets none through until `mend`. */
  cut(): void;
  mend(opts: { forgetsHistory: boolean }): void;
  throttle(count: number, retryAfterSeconds: number): void;
  close(): Promise<void>;
}

export async function startFaultProxy(target: { server: string; caPem: string }): Promise<FaultProxy> {
  const agent = new Agent({ connect: { ca: target.caPem }, headersTimeout: 0, bodyTimeout: 0 });
  const sockets = new Set<Socket>();
  let isCut = false;
  let forgetsNextWatch = false;
  let throttled = { count: 0, seconds: 0 };

  const server = createServer(async (incoming, outgoing) => {
    if (throttled.count > 0) {
      throttled = { ...throttled, count: throttled.count - 1 };
      outgoing.writeHead(429, { "retry-after": String(throttled.seconds) }).end("too many requests");
      return;
    }
    const path = incoming.url ?? "/";
    if (forgetsNextWatch && /[?&]watch=true/.test(path)) {
      forgetsNextWatch = false;
      outgoing.writeHead(200, { "content-type": "application/json" }).end(`${JSON.stringify(expired)}\n`);
      return;
    }
    await forward(incoming, outgoing, { agent, url: target.server + path }).catch(() => outgoing.destroy());
  });
  server.on("connection", (socket) => {
    if (isCut) return socket.destroy();
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend({ forgetsHistory }) {
      isCut = false;
      forgetsNextWatch = forgetsHistory;
    },
    throttle(count, seconds) {
      throttled = { count, seconds };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await agent.destroy();
    },
  };
}

/** Word for word what kube-apiserver 1.37 says once its watch cache and etcd have compacted a version away. */
const expired = {
  type: "ERROR",
  object: {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "too old resource version: 1 (274)",
    reason: "Expired",
    code: 410,
  },
};

async function forward(incoming: IncomingMessage, outgoing: ServerResponse, to: { agent: Agent; url: string }) {
  const abort = new AbortController();
  outgoing.once("close", () => abort.abort());
  const { host: _host, connection: _connection, ...headers } = incoming.headers;
  const answer = await request(to.url, {
    dispatcher: to.agent,
    method: incoming.method as "GET",
    headers,
    body: incoming.method === "GET" ? null : incoming,
    signal: abort.signal,
  });
  const { connection: _, ...answered } = answer.headers;
  outgoing.writeHead(answer.statusCode, answered);
  outgoing.flushHeaders();
  answer.body.once("error", () => outgoing.destroy());
  answer.body.pipe(outgoing);
}
