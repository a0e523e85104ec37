import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent, request } from "undici";

export interface WebhookRelay {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Milliseconds since 1970, one for each webhook. */
  readonly arrivals: readonly number[];
  stop(): Promise<void>;
}

/** Passes webhooks on to the hub, whose certificate no forge trusts: as an ingress would that terminates TLS. */
export async function startWebhookRelay(hub: { url: string; caPem: string }): Promise<WebhookRelay> {
  const dispatcher = new Agent({ connect: { ca: hub.caPem } });
  const arrivals: number[] = [];
  const server = createServer(async (incoming, outgoing) => {
    arrivals.push(Date.now());
    const { host: _host, connection: _connection, "transfer-encoding": _encoding, ...headers } = incoming.headers;
    try {
      const answer = await request(`${hub.url}${incoming.url}`, {
        dispatcher,
        method: "POST",
        headers,
        body: incoming,
        headersTimeout: 10_000,
      });
      outgoing.writeHead(answer.statusCode).end(await answer.body.text());
    } catch {
      outgoing.writeHead(502).end("the hub does not answer\n");
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrivals,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await dispatcher.destroy();
    },
  };
}
