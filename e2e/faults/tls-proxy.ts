import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Agent, request } from "undici";
import { selfSignedCertificate } from "../forge/server-certificate.ts";

/** Stands in front of the hub's HTTPS address and ends its TLS there, with a certificate that nobody knows. */
export interface TlsProxy {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  /** `METHOD PATH BODY` of what was passed on: what whoever runs such a proxy gets to see. */
  readonly seen: readonly string[];
  /** While true requests are passed on, and their answers are lost. */
  loseAnswers(isLosing: boolean): void;
  close(): Promise<void>;
}

export async function startTlsProxy(hub: { readonly url: string; readonly caPem: string }): Promise<TlsProxy> {
  const { key, certificate } = await selfSignedCertificate();
  const dispatcher = new Agent({ connect: { ca: hub.caPem } });
  const seen: string[] = [];
  let isLosing = false;
  const server = createServer({ key, cert: certificate }, async (incoming, outgoing) => {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    seen.push(`${incoming.method} ${incoming.url} ${body.toString("utf8")}`);
    try {
      const answer = await request(`${hub.url}${incoming.url}`, {
        dispatcher,
        method: incoming.method === "POST" ? "POST" : "GET",
        headers: { "content-type": incoming.headers["content-type"] ?? "application/json" },
        ...(body.length > 0 ? { body } : {}),
      });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      // Lost is lost: whoever waits for it is not told.
      if (isLosing) return;
      const contentType = String(answer.headers["content-type"] ?? "application/json");
      outgoing.writeHead(answer.statusCode, { "content-type": contentType }).end(bytes);
    } catch {
      outgoing.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    loseAnswers: (value) => {
      isLosing = value;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await dispatcher.destroy();
    },
  };
}
