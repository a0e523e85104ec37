import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { silentLog } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { WatchEvent } from "../../ports/cluster-api.ts";
import type { ClusterConnection } from "./connection.ts";
import { createTransport, retryAfterMs, type Transport } from "./transport.ts";
import { watchKind } from "./watch.ts";

// What an API server does rarely, and a proxy before it now and then.
type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answers: Answer[];
let seen: {
  method: string | undefined;
  url: string;
  authorization: string | undefined;
  userAgent: string | undefined;
}[];
let server: Server;
let transport: Transport;

beforeEach(async () => {
  answers = [];
  seen = [];
  server = createServer((request, response) => {
    const { authorization, "user-agent": userAgent } = request.headers;
    seen.push({ method: request.method, url: request.url ?? "", authorization, userAgent });
    const answer = answers.shift();
    if (answer) answer(request, response);
    else response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  let refusals = 0;
  const connection: ClusterConnection = {
    description: "test",
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`,
    namespace: undefined,
    tls: async () => ({ rejectUnauthorized: true }),
    authorization: async ({ isRefused }) => `Bearer ${isRefused ? ++refusals : refusals}`,
  };
  transport = createTransport({
    connection,
    clock: systemClock,
    random: () => 0.01,
    userAgent: "muster-agent/test",
    connectionsMax: 2,
  });
});
afterEach(async () => {
  await transport.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(code, headers).end(`HTTP ${code}`);
  };
const get = (opts: { timeoutMs?: number; isRepeatable?: boolean } = {}) =>
  transport.request({ method: "GET", path: "/api", subject: "thing", timeoutMs: 5_000, isRepeatable: true, ...opts });
const post = () =>
  transport.request({
    method: "POST",
    path: "/api",
    body: "{}",
    subject: "thing",
    timeoutMs: 5_000,
    isRepeatable: false,
  });

test("sends path, credentials and user agent over connections that stay", async () => {
  let connections = 0;
  server.on("connection", () => connections++);
  for (let i = 0; i < 8; i++) await get();
  expect(seen[0]).toEqual({
    method: "GET",
    url: "/prefix/api",
    authorization: "Bearer 0",
    userAgent: "muster-agent/test",
  });
  // Two is the most that the transport was allowed.
  expect(connections).toBeLessThanOrEqual(2);
});

test("a refused token is read again, once", async () => {
  answers = [status(401)];
  await get();
  expect(seen.map(({ authorization }) => authorization)).toEqual(["Bearer 0", "Bearer 1"]);
  answers = [status(401), status(401)];
  await expect(get()).rejects.toMatchObject({ code: "unauthenticated" });
});

test("503 with Retry-After is waited out for writes too; without it a write is not repeated", async () => {
  answers = [status(503, { "retry-after": "0" })];
  await post();
  answers = [status(503)];
  await expect(post()).rejects.toMatchObject({ code: "unavailable", isRetryable: true });
  expect(seen).toHaveLength(3);
});

test("a wait beyond the deadline is not begun", async () => {
  answers = [status(429, { "retry-after": "60" })];
  const before = performance.now();
  await expect(get()).rejects.toMatchObject({ code: "unavailable" });
  expect(performance.now() - before).toBeLessThan(1_000);
});

test("a read passes over a broken connection, a write does not", async () => {
  answers = [(request) => request.socket.destroy()];
  await get();
  answers = [(request) => request.socket.destroy()];
  await expect(post()).rejects.toMatchObject({ code: "unavailable" });
  expect(seen.map(({ method }) => method)).toEqual(["GET", "GET", "POST"]);
});

test("silence ends at the deadline", async () => {
  answers = [() => {}];
  await expect(get({ timeoutMs: 100 })).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("100"),
  });
});

test.each([
  ["3", {}, 3_000],
  ["Tue, 03 Mar 2026 12:00:05 GMT", {}, 5_000],
  ["Tue, 03 Mar 2026 11:00:00 GMT", {}, 0],
  [undefined, { details: { retryAfterSeconds: 2 } }, 2_000],
  [undefined, {}, undefined],
  ["soon", {}, undefined],
])("Retry-After %s with body %j means %s ms", (header, body, ms) => {
  expect(retryAfterMs(header, body, { now: () => Date.UTC(2026, 2, 3, 12, 0, 0) })).toBe(ms);
});

test("a watch that falls silent is opened anew from where it was", async () => {
  const line = (type: string, name: string, resourceVersion: string) =>
    `${JSON.stringify({ type, object: { apiVersion: "v1", kind: "Pod", metadata: { name, resourceVersion } } })}\n`;
  answers = [
    (_request, response) => response.end(JSON.stringify({ metadata: { resourceVersion: "10" }, items: [] })),
    (_request, response) => {
      response.write(line("ADDED", "one", "11"));
      response.write(line("BOOKMARK", "", "20"));
    },
    (_request, response) => {
      response.write(line("ADDED", "two", "21"));
    },
  ];
  const stop = new AbortController();
  const { events, ended } = watching(stop.signal, 300);
  await vi.waitFor(() => expect(events.map(nameOf)).toEqual(["listed", "one", "two"]), { timeout: 5_000 });
  expect(seen[1]?.url).toContain("resourceVersion=10");
  expect(seen[1]?.url).toContain("allowWatchBookmarks=true");
  expect(seen[2]?.url).toContain("resourceVersion=20");
  stop.abort();
  await ended;
});

test("a list goes page by page, and all at once when a page came too late", async () => {
  const page =
    (items: string[], next?: string): Answer =>
    (_request, response) => {
      const metadata = { resourceVersion: "5", ...(next ? { continue: next } : {}) };
      response.end(JSON.stringify({ metadata, items: items.map((name) => ({ metadata: { name } })) }));
    };
  answers = [page(["a"], "more"), status(410), page(["a", "b", "c"]), status(410), page(["d"])];
  const stop = new AbortController();
  const { events, ended } = watching(stop.signal, 60_000);
  await vi.waitFor(() => expect(events).toHaveLength(2), { timeout: 5_000 });
  expect(events.map((event) => event.kind === "listed" && event.objects.map(({ metadata }) => metadata.name))).toEqual([
    ["a", "b", "c"],
    ["d"],
  ]);
  expect(seen.slice(0, 3).map(({ url }) => url.replace(/.*\?/, ""))).toEqual([
    "labelSelector=app&limit=500",
    "labelSelector=app&limit=500&continue=more",
    "labelSelector=app",
  ]);
  stop.abort();
  await ended;
});

const nameOf = (event: WatchEvent) => (event.kind === "listed" ? "listed" : event.object.metadata.name);

function watching(signal: AbortSignal, silenceMsMax: number) {
  const events: WatchEvent[] = [];
  const watch = watchKind({
    transport,
    kind: { apiVersion: "v1", kind: "Pod", plural: "pods", isNamespaced: true },
    labelSelector: "app",
    signal,
    clock: systemClock,
    random: () => 0.01,
    log: silentLog,
    listTimeoutMs: 5_000,
    silenceMsMax,
  });
  const ended = (async () => {
    for await (const event of watch) events.push(event);
  })();
  return { events, ended };
}
