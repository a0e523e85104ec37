import type { Credentials } from "./credentials.ts";

export interface HttpRequest {
  readonly method: "GET" | "HEAD";
  /** `https://` or `http://`, without a user or password in it. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The value of `Authorization`. A redirect to another origin goes without it. */
  readonly authorization: string | null;
  /** Whose CA, client certificate and proxy are used; the certificate for the origin of `url` only. */
  readonly credentials: Credentials | null;
  /** Of the body, unpacked. */
  readonly bytesMax: number;
  /** For all of it, redirects and body included. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Whether the body may travel gzipped; it arrives unpacked. An archive is better left as it is. */
  readonly acceptsGzip?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  /** Where it came from in the end. */
  readonly url: string;
  /** Null when there is none; several of one name as one list. */
  header(name: string): string | null;
  /** Of a status that is no success, its first few kilobytes. */
  readonly body: Uint8Array;
  /** Of the body: 64 hex digits. */
  readonly sha256: string;
}

/** Reads from servers of the outside, at addresses that may be reached, with a bound on time and bytes. */
export interface HttpClient {
  /**
   * The answer, whatever its status; up to five redirects are followed, never from https to http. Nothing is tried twice.
   * @throws AppError "unavailable" (unreachable, or not in time), "forbidden" (an address that may not be reached),
   * "invalid" (no such address, or an untrusted certificate), "too-large", "cancelled".
   */
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}
