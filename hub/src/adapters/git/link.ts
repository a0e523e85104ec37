import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { AddressPolicy } from "../../ports/address-policy.ts";
import type { GitRemote } from "../../ports/git-source.ts";
import { type Address, parseAddress } from "./address.ts";
import { failures, publicUrl } from "./failures.ts";
import { fromHttp, type Http, type HttpAnswer } from "./http.ts";
import { type Greeting, listingRequest, type RemoteRefs, readGreeting, readListing } from "./list-refs.ts";
import { FLUSH, readPackets } from "./pkt-line.ts";
import type { SecretFiles } from "./secret-files.ts";
import { converse, type SshAddress } from "./ssh.ts";

/** How a remote is reached at this moment: its addresses were judged, and redirects followed as far as they may be. */
export type Link =
  | {
      readonly kind: "http";
      /** Without a slash at the end; another than the remote's own when it redirects. */
      readonly base: string;
      readonly version: Greeting["version"];
      readonly http: Http;
      /** What a program of its own must connect to; empty behind a proxy that alone can tell. */
      addresses(): Promise<readonly string[]>;
    }
  | { readonly kind: "ssh"; readonly address: SshAddress; readonly reachedAt: string }
  | { readonly kind: "file"; readonly path: string };

export interface LinkDependencies {
  readonly policy: AddressPolicy;
  readonly secrets: SecretFiles;
  readonly http: Http;
  readonly localRefs: (path: string, signal: AbortSignal) => Promise<RemoteRefs>;
}

const LISTING_TIMEOUT_MS = 60_000;
const REDIRECTS_MAX = 5;
const LISTING_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Lists the remote's refs that begin with one of `prefixes`. `known`: the link of the time before, which saves asking
 * for the server's capabilities again.
 */
export async function listRefs(
  deps: LinkDependencies,
  remote: GitRemote,
  opts: { prefixes: readonly string[]; known: Link | null; signal: AbortSignal },
): Promise<{ readonly refs: RemoteRefs; readonly link: Link }> {
  const signal = withDeadline(LISTING_TIMEOUT_MS, opts.signal);
  if (signal.aborted) throw abortedBy(signal, `the fetch of ${publicUrl(remote.url)}`);
  const address = parseAddress(remote.url);
  switch (address.kind) {
    case "file":
      return { refs: await deps.localRefs(address.path, signal), link: { kind: "file", path: address.path } };
    case "ssh":
      return listOverSsh(deps, remote, { ...opts, signal });
    case "http":
      return listOverHttp(deps, remote, address, { ...opts, signal });
  }
}

type Listing = { prefixes: readonly string[]; known: Link | null; signal: AbortSignal };

async function listOverHttp(
  { http, policy }: LinkDependencies,
  remote: GitRemote,
  address: Extract<Address, { kind: "http" }>,
  { prefixes, known, signal }: Listing,
): Promise<{ refs: RemoteRefs; link: Link }> {
  if (known?.kind === "http" && known.version === 2) {
    const answer = await post(http, remote, known.base, prefixes, signal);
    if (answer.statusCode === 200) return { refs: await readRefs(remote, answer, signal), link: known };
    // It was moved, or is another server by now: asked from the beginning, it says so itself.
    await answer.body.dump();
  }
  const { base, answer } = await greet(http, remote, address.url, signal);
  const greeting = await readAnswer(remote, base, answer, signal, readGreeting);
  const addresses = async (): Promise<readonly string[]> => {
    const host = new URL(base).hostname;
    try {
      return await policy.resolve(host, { signal: AbortSignal.timeout(LISTING_TIMEOUT_MS) });
    } catch (error) {
      if (remote.credentials.proxy !== null && isAppError(error, "unavailable")) return [];
      throw error;
    }
  };
  const link: Link = { kind: "http", base, version: greeting.version, http, addresses };
  if (greeting.version === 0) return { refs: greeting.refs, link };
  const listing = await post(http, remote, base, prefixes, signal);
  if (listing.statusCode !== 200) throw await refusal(remote, listing);
  return { refs: await readRefs(remote, listing, signal), link };
}

/** Asks for the service, and follows redirects where it may: each target is judged when it is connected to. */
async function greet(
  http: Http,
  remote: GitRemote,
  url: string,
  signal: AbortSignal,
): Promise<{ base: string; answer: HttpAnswer }> {
  const service = "/info/refs?service=git-upload-pack";
  let base = url;
  for (let hops = 0; ; hops += 1) {
    let answer: HttpAnswer;
    try {
      const headers = { accept: "*/*", "git-protocol": "version=2" };
      answer = await http.request(remote, { method: "GET", url: `${base}${service}`, headers, signal });
    } catch (error) {
      if (hops === 0 || !isAppError(error, "forbidden")) throw error;
      throw failures.redirect(remote, base, error.message, error);
    }
    const location = answer.headers.location;
    if (answer.statusCode < 300 || answer.statusCode > 399 || typeof location !== "string") {
      if (answer.statusCode !== 200) throw await refusal(remote, answer);
      return { base, answer };
    }
    await answer.body.dump();
    base = nextBase(remote, `${base}${service}`, location, service);
    if (hops >= REDIRECTS_MAX) throw failures.redirect(remote, base, `it is the ${REDIRECTS_MAX + 1}th in a row`);
  }
}

function nextBase(remote: GitRemote, from: string, location: string, service: string): string {
  if (!URL.canParse(location, from)) throw failures.redirect(remote, location.slice(0, 200), "it is no address");
  const target = new URL(location, from);
  const refuse = (why: string): AppError => failures.redirect(remote, target.origin + target.pathname, why);
  if (target.protocol !== "https:" && target.protocol !== "http:") throw refuse("it is not HTTP");
  if (from.startsWith("https:") && target.protocol === "http:") throw refuse("it leaves TLS");
  if (target.username !== "" || target.password !== "") throw refuse("it holds credentials");
  // As git has it: only the part before the service may change.
  if (!target.href.endsWith(service)) throw refuse("it is no repository's address");
  return target.href.slice(0, -service.length);
}

function post(
  http: Http,
  remote: GitRemote,
  base: string,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<HttpAnswer> {
  return http.request(remote, {
    method: "POST",
    url: `${base}/git-upload-pack`,
    headers: uploadPackHeaders,
    body: listingRequest(prefixes),
    signal,
  });
}

export const uploadPackHeaders = {
  "content-type": "application/x-git-upload-pack-request",
  accept: "application/x-git-upload-pack-result",
  "git-protocol": "version=2",
};

const readRefs = (remote: GitRemote, answer: HttpAnswer, signal: AbortSignal): Promise<RemoteRefs> =>
  readAnswer(remote, remote.url, answer, signal, readListing);

async function readAnswer<T>(
  remote: GitRemote,
  url: string,
  { body }: HttpAnswer,
  signal: AbortSignal,
  read: (packets: ReturnType<typeof readPackets>) => Promise<T>,
): Promise<T> {
  const packets = readPackets(capped(body));
  try {
    const result = await read(packets);
    // Read to its end, the connection is kept for the next time.
    while (!(await packets.next()).done);
    return result;
  } catch (error) {
    body.destroy();
    throw isAppError(error, "corrupt")
      ? failures.unreachable(remote, error.message, error)
      : fromHttp(remote, { url, signal }, error);
  }
}

async function* capped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > LISTING_BYTES_MAX) throw new AppError("too-large", "the server lists more refs than are read");
    yield chunk;
  }
}

/** What a status that is no success means. */
export async function refusal(remote: GitRemote, { statusCode, body }: HttpAnswer): Promise<AppError> {
  await body.dump().catch(() => {});
  if (statusCode === 401 || statusCode === 403) return failures.refused(remote);
  if (statusCode === 404 || statusCode === 410) return failures.noRepository(remote);
  return failures.unreachable(remote, `the server answered with status ${statusCode}`);
}

async function listOverSsh(
  deps: LinkDependencies,
  remote: GitRemote,
  { prefixes, signal }: Listing,
): Promise<{ refs: RemoteRefs; link: Link }> {
  const command = (path: string): string => `git-upload-pack ${path}`;
  const { result, address, reachedAt } = await converse(deps, remote, command, signal, async ({ output, write }) => {
    const packets = readPackets(capped(output));
    const greeting = await readGreeting(packets);
    if (greeting.version === 2) write(listingRequest(prefixes));
    const refs = greeting.version === 2 ? await readListing(packets) : greeting.refs;
    // Nothing more is wanted.
    write(FLUSH);
    return refs;
  });
  return { refs: result, link: { kind: "ssh", address, reachedAt } };
}
