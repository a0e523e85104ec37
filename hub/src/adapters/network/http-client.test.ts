import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { Agent } from "undici";
import { afterEach, expect, it } from "vitest";
import type { HttpClient, HttpRequest } from "../../ports/http-client.ts";
import { createAddressPolicy } from "./address-policy.ts";
import { createHttpClient } from "./http-client.ts";
import { parseAllowed } from "./judge-address.ts";
import { type ConnectionOptions, createJudgedDispatcher } from "./judged-dispatcher.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (let close = closers.pop(); close; close = closers.pop()) await close();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(dispatcherOf: (options: ConnectionOptions) => Agent = () => new Agent()): HttpClient {
  const made = createHttpClient({ dispatcherOf });
  closers.push(() => made.close());
  return made;
}

const get = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: "GET",
  url,
  authorization: null,
  credentials: null,
  bytesMax: 1_000,
  timeoutMs: 5_000,
  signal: new AbortController().signal,
  ...more,
});
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

it("answers with status, headers, body and its digest", async () => {
  const url = await serve((_, response) => response.writeHead(404, { etag: '"1"' }).end("no such thing"));
  const answer = await client().send(get(url));
  expect([answer.status, answer.header("ETag"), answer.header("link"), text(answer.body)]).toEqual([
    404,
    '"1"',
    null,
    "no such thing",
  ]);
  expect(answer.sha256).toBe(createHash("sha256").update("no such thing").digest("hex"));
});

it("carries Authorization and the client certificate to the first origin only", async () => {
  const seen: unknown[] = [];
  const storage = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.end("blob");
  });
  const url = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(307, { location: request.url === "/here" ? "/there" : `${storage}/blob?signature=x` }).end();
  });
  const certificates: unknown[] = [];
  const http = client(({ tls }) => {
    certificates.push(tls.client === null ? null : tls.client.certificate);
    return new Agent();
  });
  const credentials = {
    auth: { kind: "none" as const },
    tls: { ca: "ca", client: { certificate: "certificate", key: "key" } },
    proxy: null,
  };
  const answer = await http.send(get(`${url}/here`, { authorization: "Bearer secret", credentials }));
  expect(text(answer.body)).toBe("blob");
  expect(seen).toEqual(["Bearer secret", "Bearer secret", undefined]);
  expect(certificates).toEqual(["certificate", null]);
});

it("gives up on a circle of redirects", async () => {
  const url = await serve((_, response) => response.writeHead(302, { location: "/" }).end());
  await expect(client().send(get(url))).rejects.toMatchObject({ code: "unavailable" });
});

it("reads no more than it may, also of what unpacks to much", async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  const url = await serve((request, response) => {
    if (request.url === "/plain") response.end("x".repeat(1_001));
    else response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
  });
  const http = client();
  await expect(http.send(get(`${url}/plain`))).rejects.toMatchObject({ code: "too-large" });
  await expect(http.send(get(`${url}/bomb`, { acceptsGzip: true, bytesMax: 100_000 }))).rejects.toMatchObject({
    code: "too-large",
  });
  // An archive that its server calls gzipped stays as it is.
  expect((await http.send(get(`${url}/bomb`, { bytesMax: 100_000 }))).body.length).toBe(bomb.length);
});

it("waits no longer than it may, for an answer or in the middle of one", async () => {
  const url = await serve((request, response) => {
    if (request.url === "/half") response.writeHead(200, { "content-length": 10 }).write("half");
  });
  for (const path of ["/never", "/half"]) {
    await expect(client().send(get(url + path, { timeoutMs: 100 }))).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(path),
    });
  }
});

it("ends when it is cancelled", async () => {
  const stop = new AbortController();
  const url = await serve(() => stop.abort());
  await expect(client().send(get(url, { signal: stop.signal }))).rejects.toMatchObject({ code: "cancelled" });
});

it("says why an address cannot be reached", async () => {
  const http = client();
  await expect(http.send(get("http://127.0.0.1:1/"))).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("nothing listens there"),
  });
  for (const url of ["ftp://example.com", "nonsense", "https://user:secret@example.com/"]) {
    const refused = await http.send(get(url)).catch((error: Error) => error);
    expect(refused).toMatchObject({ code: "invalid" });
    expect((refused as Error).message).not.toContain("secret");
  }
});

it("says which address is refused", async () => {
  const url = await serve((_, response) => response.end());
  const policy = createAddressPolicy(parseAllowed([]));
  const http = createHttpClient({ dispatcherOf: (options) => createJudgedDispatcher(policy, options) });
  closers.push(() => http.close());
  await expect(http.send(get(url))).rejects.toMatchObject({ code: "forbidden" });
});
