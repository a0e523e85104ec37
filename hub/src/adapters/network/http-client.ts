import { createHash } from "node:crypto";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { AppError } from "@muster/shared/errors.ts";
import { type Dispatcher, request as undiciRequest } from "undici";
import type { HttpAnswer, HttpClient, HttpRequest } from "../../ports/http-client.ts";
import { createDispatcherCache } from "./dispatcher-cache.ts";
import { failureOf, placeOf, tooLarge } from "./http-failures.ts";
import type { DispatcherOf } from "./judged-dispatcher.ts";

const REDIRECTS_MAX = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const ERROR_BYTES_MAX = 16 * 1024;
const USER_AGENT = "muster";

/** `dispatcherOf` decides what may be connected to; how it is connected is kept for the next request like it. */
export function createHttpClient(opts: { dispatcherOf: DispatcherOf }): HttpClient {
  const dispatchers = createDispatcherCache(opts.dispatcherOf);

  async function send(request: HttpRequest): Promise<HttpAnswer> {
    const signal = withDeadline(request.timeoutMs, request.signal);
    const first = parseUrl(request.url);
    let url = first;
    try {
      for (let redirects = 0; ; redirects++) {
        const isFirstOrigin = url.origin === first.origin;
        const { tls = { ca: null, client: null }, proxy = null } = request.credentials ?? {};
        const answer = await undiciRequest(url, {
          method: request.method,
          dispatcher: dispatchers.get({ tls: isFirstOrigin ? tls : { ...tls, client: null }, proxy }),
          headers: {
            "user-agent": USER_AGENT,
            "accept-encoding": request.acceptsGzip === true ? "gzip" : "identity",
            ...request.headers,
            ...(request.authorization !== null && isFirstOrigin ? { authorization: request.authorization } : {}),
          },
          signal,
          headersTimeout: request.timeoutMs,
          bodyTimeout: request.timeoutMs,
        });
        const location = REDIRECTS.has(answer.statusCode) ? one(answer.headers.location) : null;
        if (location === null) return await read(answer, url, request);
        discard(answer.body);
        if (redirects === REDIRECTS_MAX) {
          throw new AppError("unavailable", `${placeOf(first)} redirects more than ${REDIRECTS_MAX} times`);
        }
        url = follow(url, location);
      }
    } catch (error) {
      const what = `${request.method} ${placeOf(url)}`;
      if (signal.aborted) throw abortedBy(signal, what, { timeoutMs: request.timeoutMs });
      throw failureOf(error, url);
    }
  }

  return { send, close: () => dispatchers.close() };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError("invalid", `${JSON.stringify(text.slice(0, 200))} is not an http:// or https:// address`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new AppError("invalid", `the address ${placeOf(url)} has a user or password in it`, {
      fix: "Take it out, and name a mounted credential instead.",
    });
  }
  return url;
}

function follow(from: URL, location: string): URL {
  const url = URL.parse(location, from);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "") {
    throw new AppError("unavailable", `${placeOf(from)} redirects to something that is no address`);
  }
  if (from.protocol === "https:" && url.protocol === "http:") {
    throw new AppError("forbidden", `${placeOf(from)} redirects to ${placeOf(url)}, which is not encrypted`);
  }
  return url;
}

async function read(answer: Dispatcher.ResponseData, url: URL, request: HttpRequest): Promise<HttpAnswer> {
  const isSuccess = answer.statusCode >= 200 && answer.statusCode < 300;
  const isGzipped = request.acceptsGzip === true && one(answer.headers["content-encoding"]) === "gzip";
  const stream = isGzipped ? pipeline(answer.body, createGunzip(), () => {}) : answer.body;
  const hash = createHash("sha256");
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (isSuccess && bytes > request.bytesMax) {
      discard(answer.body);
      throw tooLarge(url, request.bytesMax);
    }
    hash.update(chunk);
    chunks.push(chunk);
    if (!isSuccess && bytes >= ERROR_BYTES_MAX) break;
  }
  if (!isSuccess) discard(answer.body);
  return {
    status: answer.statusCode,
    url: url.href,
    header: (name) => one(answer.headers[name.toLowerCase()]),
    body: joined(chunks, bytes),
    sha256: hash.digest("hex"),
  };
}

/** In a buffer of its own, which may be handed over to a worker. */
function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

/** What is left of a body that nobody wants must not keep the connection waiting. */
function discard(body: Readable): void {
  body.on("error", () => {}).destroy();
}

/** Headers that came several times read as one list (RFC 9110, 5.3). */
const one = (value: string | string[] | undefined): string | null =>
  (Array.isArray(value) ? value.join(", ") : value) ?? null;
