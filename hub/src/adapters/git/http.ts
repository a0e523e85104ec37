import { createHash } from "node:crypto";
import { abortedBy } from "@muster/shared/deadline.ts";
import { type AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Dispatcher } from "undici";
import type { Credentials } from "../../ports/credentials.ts";
import type { GitRemote } from "../../ports/git-source.ts";
import { failures, publicUrl } from "./failures.ts";

/** Makes the dispatcher of one way to connect; it judges each address before it connects. */
export type DispatcherOf = (options: Pick<Credentials, "tls" | "proxy">) => Dispatcher;

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export type HttpAnswer = Pick<Dispatcher.ResponseData, "statusCode" | "headers" | "body">;

export interface Http {
  /** Follows no redirect. @throws AppError "unavailable", "forbidden" (an address that may not be reached), "cancelled". */
  request(remote: GitRemote, request: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/** Without bytes for so long, a server is not slow, it is gone. */
const SILENCE_MS = 60_000;
/** Ways to connect that are kept open: one for each combination of CA, client certificate and proxy. */
const DISPATCHERS_MAX = 64;

/** HTTP as Git needs it, over connections that are kept. Credentials go only where the remote's own address leads. */
export function createHttp(dispatcherOf: DispatcherOf): Http {
  const dispatchers = new Map<string, Dispatcher>();

  function dispatcherFor({ tls, proxy }: Pick<Credentials, "tls" | "proxy">): Dispatcher {
    const key = createHash("sha256")
      .update(JSON.stringify([tls, proxy]))
      .digest("hex");
    const known = dispatchers.get(key);
    const dispatcher = known ?? dispatcherOf({ tls, proxy });
    dispatchers.delete(key);
    dispatchers.set(key, dispatcher);
    const [oldest] = dispatchers;
    if (dispatchers.size > DISPATCHERS_MAX && oldest !== undefined) {
      dispatchers.delete(oldest[0]);
      void oldest[1].close().catch(() => {});
    }
    return dispatcher;
  }

  async function once(remote: GitRemote, { method, url, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
    const { origin, pathname, search } = new URL(url);
    const { tls, proxy } = remote.credentials;
    const isOwn = hasOrigin(remote.url, origin);
    const dispatcher = dispatcherFor({ tls: isOwn ? tls : { ca: tls.ca, client: null }, proxy });
    const authorization = isOwn ? authorizationOf(remote.credentials) : null;
    return dispatcher.request({
      origin,
      path: `${pathname}${search}`,
      method,
      headers: {
        "user-agent": "git/muster",
        ...(authorization === null ? {} : { authorization }),
        ...headers,
      },
      body: body ?? null,
      signal,
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
    });
  }

  return {
    async request(remote, request) {
      try {
        // A kept connection may have been closed by the server meanwhile; that says nothing about the server.
        return await once(remote, request).catch((error) =>
          isReset(error) ? once(remote, request) : Promise.reject(error),
        );
      } catch (error) {
        throw fromHttp(remote, request, error);
      }
    },
    async close() {
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
      dispatchers.clear();
    },
  };
}

/** Of anything that goes wrong on the way, also while an answer is read. */
export function fromHttp(remote: GitRemote, request: { url: string; signal: AbortSignal }, error: unknown): AppError {
  if (isAppError(error)) return error;
  if (request.signal.aborted) return abortedBy(request.signal, `the fetch of ${publicUrl(remote.url)}`);
  const { cause } = error as { cause?: unknown };
  if (isAppError(cause)) return cause;
  return failures.unreachable(remote, messageOf(error) || (error as { code?: string }).code || "no answer", error);
}

const isReset = (error: unknown): boolean =>
  ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].includes((error as { code?: string }).code ?? "");

/** Whether an address is of this scheme, host and port, where credentials may go. */
export function hasOrigin(url: string, origin: string): boolean {
  return URL.canParse(url) && new URL(url).origin === origin;
}

/** The `Authorization` header of credentials that have one. */
export function authorizationOf({ auth }: Credentials): string | null {
  if (auth.kind === "none" || auth.kind === "ssh") return null;
  const pair = auth.kind === "basic" ? `${auth.username}:${auth.password}` : `x-access-token:${auth.token}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}
