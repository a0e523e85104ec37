import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { pollUntil } from "../control-plane/processes/poll-until.ts";

export interface ReceivedWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests pick fields of whatever the forge sent
  readonly json: any;
}

/** Where tests let a forge deliver to, to see what it sends. */
export interface WebhookReceiver {
  readonly url: string;
  readonly received: readonly ReceivedWebhook[];
  /** The first, past or to come, for which the question is answered yes. */
  next(matches: (webhook: ReceivedWebhook) => boolean): Promise<ReceivedWebhook>;
  stop(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    received.push({ headers: request.headers, body, json: JSON.parse(body) });
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    next: (matches) => pollUntil("a webhook", async () => received.find(matches), { deadlineMs: 30_000 }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const webhookSignature = (secret: string, body: string): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

export function isSignedWith(secret: string, { headers, body }: ReceivedWebhook): boolean {
  const given = Buffer.from(String(headers["x-hub-signature-256"] ?? ""));
  const expected = Buffer.from(webhookSignature(secret, body));
  return given.length === expected.length && timingSafeEqual(given, expected);
}
