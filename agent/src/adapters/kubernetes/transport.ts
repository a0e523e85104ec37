import { backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import { Pool } from "undici";
import type { ClusterConnection } from "./connection.ts";
import { rotatingConnector } from "./connector.ts";
import { type ApiStatus, parseStatus, refusalOf } from "./errors.ts";

export interface TransportOptions {
  readonly connection: ClusterConnection;
  readonly clock: Clock;
  readonly random: () => number;
  readonly userAgent: string;
  /** Kept-alive connections for requests; more requests wait for one. */
  readonly connectionsMax: number;
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With the query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  /** User name in whose place it is asked for. */
  readonly impersonate?: string | undefined;
  /** What it is about, for messages: `Deployment shop/web`. */
  readonly subject: string;
  /** Milliseconds for all attempts together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether sending it again is harmless when nobody knows if the first one arrived. */
  readonly isRepeatable: boolean;
}

/** HTTP to one API server: credentials, deadlines, retries that the API server asked for. */
export interface Transport {
  /** The body of a 2xx answer. @throws ApiRefusal for any other, AppError "unavailable" or "cancelled". */
  request(request: ApiRequest): Promise<{ readonly text: string; readonly warnings: readonly string[] }>;
  /** A body that goes on until `signal` aborts, the server ends it, or nothing came for `silenceMsMax`. */
  stream(request: {
    path: string;
    subject: string;
    signal: AbortSignal;
    silenceMsMax: number;
  }): Promise<AsyncIterable<Uint8Array>>;
  close(): Promise<void>;
}

/** More than this waiting means that the API server does not keep up, and nobody benefits from queueing further. */
const WAITING_MAX = 4_096;
const ATTEMPTS_MAX = 8;
/** Of one answer. A page of 500 objects is far below. */
const RESPONSE_BYTES_MAX = 256 * 1024 * 1024;
/** The API server closes idle connections after 90 s; closing first avoids writing into a closing one. */
const KEEP_ALIVE_MS = 60_000;
const STREAMS_MAX = 256;

export function createTransport(options: TransportOptions): Transport {
  const { connection, clock, random, userAgent } = options;
  const origin = new URL(connection.server);
  const basePath = origin.pathname.replace(/\/+$/, "");
  const poolOptions = {
    connect: rotatingConnector(connection),
    // docs/decisions/http1-to-the-api-server.md
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  };
  const requests = new Pool(origin.origin, {
    ...poolOptions,
    connections: options.connectionsMax,
    maxResponseSize: RESPONSE_BYTES_MAX,
  });
  // Watches have connections of their own, so that no number of them can starve requests.
  const streams = new Pool(origin.origin, { ...poolOptions, connections: STREAMS_MAX });
  let waiting = 0;

  const headersOf = async (isRefused: boolean): Promise<Record<string, string>> => {
    const authorization = await connection.authorization({ isRefused });
    return {
      accept: "application/json",
      "user-agent": userAgent,
      ...(authorization === undefined ? {} : { authorization }),
    };
  };

  const send = async (request: ApiRequest, signal: AbortSignal, isRefused: boolean) => {
    const headers = await headersOf(isRefused);
    if (request.contentType) headers["content-type"] = request.contentType;
    if (request.impersonate) headers["impersonate-user"] = request.impersonate;
    const answer = await requests.request({
      method: request.method,
      path: basePath + request.path,
      headers,
      signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };

  const attemptAll = async (request: ApiRequest) => {
    const deadline = clock.now() + request.timeoutMs;
    const signal = withDeadline(request.timeoutMs, request.signal);
    const delays = backoff({ initialMs: 100, maxMs: 5_000, random });
    let wasRefused = false;

    for (let attempt = 1; ; attempt++) {
      let problem: { error: AppError; waitMs: number } | undefined;
      try {
        const { status, headers, text } = await send(request, signal, wasRefused);
        if (status < 300) return { text, warnings: warningsOf(headers.warning) };
        const answer = parseStatus(status, text);
        const error = refusalOf(status, answer, request.subject);
        if (status === 401 && !wasRefused) {
          // A token that was rotated a moment ago; the next one read is fresh.
          wasRefused = true;
          continue;
        }
        const askedMs = retryAfterMs(headers["retry-after"], answer, clock);
        const isWaitAsked = status === 429 || (status >= 500 && askedMs !== undefined);
        if (!isWaitAsked && !(request.isRepeatable && status >= 502 && status <= 504)) throw error;
        problem = { error, waitMs: (askedMs ?? 0) + delays.next() };
      } catch (cause) {
        if (cause instanceof AppError) throw cause;
        if (signal.aborted) throw abortedBy(signal, request.subject, { timeoutMs: request.timeoutMs });
        const error = contactLost(connection, request.subject, cause);
        if (!request.isRepeatable && !wasNeverSent(cause)) throw error;
        problem = { error, waitMs: delays.next() };
        // Contact itself is the caller's to wait for: three quick tries pass over a restart of a connection, no more.
        if (attempt >= 3) throw error;
      }
      if (attempt >= ATTEMPTS_MAX || clock.now() + problem.waitMs >= deadline) throw problem.error;
      await clock.sleep(problem.waitMs, request.signal);
    }
  };

  return {
    async request(request) {
      if (waiting >= WAITING_MAX) {
        throw new AppError("unavailable", `${request.subject}: ${WAITING_MAX} requests to the API server wait already`);
      }
      waiting += 1;
      try {
        return await attemptAll(request);
      } finally {
        waiting -= 1;
      }
    },

    async stream({ path, subject, signal, silenceMsMax }) {
      for (let wasRefused = false; ; wasRefused = true) {
        const answer = await streams
          .request({
            method: "GET",
            path: basePath + path,
            headers: await headersOf(wasRefused),
            signal,
            headersTimeout: 30_000,
            bodyTimeout: silenceMsMax,
          })
          .catch((cause) => {
            throw signal.aborted ? abortedBy(signal, subject) : contactLost(connection, subject, cause);
          });
        if (answer.statusCode < 300) return translateCuts(answer.body, connection, subject);
        const text = await answer.body.text().catch(() => "");
        if (answer.statusCode === 401 && !wasRefused) continue;
        throw refusalOf(answer.statusCode, parseStatus(answer.statusCode, text), subject);
      }
    },

    async close() {
      await Promise.all([requests.destroy(), streams.destroy()]);
    },
  };
}

async function* translateCuts(body: AsyncIterable<Uint8Array>, connection: ClusterConnection, subject: string) {
  try {
    yield* body;
  } catch (cause) {
    throw contactLost(connection, subject, cause);
  }
}

const contactLost = (connection: ClusterConnection, subject: string, cause: unknown): AppError =>
  cause instanceof AppError
    ? cause
    : new AppError(
        "unavailable",
        `${subject}: no contact with the API server at ${connection.server}: ${messageOf(cause)}`,
        {
          cause,
        },
      );

function wasNeverSent(cause: unknown): boolean {
  const code = (cause as { code?: string } | null)?.code ?? "";
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"].includes(
    code,
  );
}

/** What the server asks for, as seconds or as a date. Undefined when it asks for nothing. */
export function retryAfterMs(
  header: string | string[] | undefined,
  answer: ApiStatus,
  clock: Pick<Clock, "now">,
): number | undefined {
  const value = Array.isArray(header) ? header[0] : header;
  if (value !== undefined && /^\d+$/.test(value)) return Number(value) * 1_000;
  const date = value === undefined ? Number.NaN : Date.parse(value);
  if (!Number.isNaN(date)) return Math.max(0, date - clock.now());
  const seconds = answer.details?.retryAfterSeconds;
  return seconds === undefined ? undefined : seconds * 1_000;
}

/** `299 - "spec.foo is deprecated"` -> the text. */
function warningsOf(header: string | string[] | undefined): string[] {
  if (header === undefined) return [];
  return [header]
    .flat()
    .flatMap((value) =>
      [...value.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1")),
    );
}
