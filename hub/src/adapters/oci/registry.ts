import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import { z } from "zod";
import type { Credentials } from "../../ports/credentials.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../../ports/http-client.ts";
import { isLoopbackHost, isOciDigest, type OciAddress, parseOciAddress } from "./address.ts";
import { parseChallenges } from "./challenge.ts";
import { createLogIn } from "./log-in.ts";
import { MANIFEST_TYPES, type OciManifest, parseManifest } from "./manifest.ts";

const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
const TAG_PAGE_BYTES_MAX = 4 * 1024 * 1024;
const TAG_PAGES_MAX = 200;
const TAGS_MAX = 100_000;
const TAGS_PER_PAGE = 1_000;
const REQUEST_TIMEOUT_MS = 30_000;
const BLOB_TIMEOUT_MS = 10 * 60_000;

export interface OciRegistryOptions {
  readonly http: HttpClient;
  readonly clock: Pick<Clock, "now">;
  /** Hosts without TLS. Default: those of this machine. */
  readonly isPlainHttp?: (host: string) => boolean;
}

export interface OciRepository {
  /** `oci://registry.example.com/path/name`. */
  readonly url: string;
  readonly credentials: Credentials | null;
}

export interface FoundManifest {
  /** `sha256:<64 hex digits>` of the manifest itself. */
  readonly digest: string;
  readonly manifest: OciManifest;
}

/** What is read of OCI registries (distribution specification 1.1): tags, manifests, blobs. Logs in where it is asked to. */
export interface OciRegistry {
  /** In the registry's order. @throws AppError "not-found", "unauthenticated", "unavailable", "forbidden", "too-large". */
  tags(repository: OciRepository, opts: { signal: AbortSignal }): Promise<readonly string[]>;
  /** Of the manifest at a tag or digest; null when the registry does not tell without sending it. @throws as `tags`. */
  digestOf(repository: OciRepository, reference: string, opts: { signal: AbortSignal }): Promise<string | null>;
  /** Checked against its digest. @throws as `tags`, and "invalid". */
  manifest(repository: OciRepository, reference: string, opts: { signal: AbortSignal }): Promise<FoundManifest>;
  /** Checked against its digest. @throws as `tags`, and "invalid" when the digest differs. */
  blob(repository: OciRepository, digest: string, opts: { bytesMax: number; signal: AbortSignal }): Promise<Uint8Array>;
}

const tagPage = z.object({ tags: z.array(z.string()).nullable() });

export function createOciRegistry(options: OciRegistryOptions): OciRegistry {
  const { http } = options;
  const logIn = createLogIn(options);
  const parse = (url: string): OciAddress => parseOciAddress(url, options.isPlainHttp ?? isLoopbackHost);

  async function send(
    { credentials }: OciRepository,
    address: OciAddress,
    request: Omit<HttpRequest, "authorization" | "credentials">,
  ): Promise<HttpAnswer> {
    const authorization = logIn.remembered(address, credentials);
    const first = await http.send({ ...request, authorization, credentials });
    if (first.status !== 401) return first;
    const challenges = parseChallenges(first.header("www-authenticate") ?? "");
    const answer = await logIn.answer(address, credentials, challenges, request);
    return http.send({ ...request, authorization: answer, credentials });
  }

  const get = (url: string, signal: AbortSignal) => ({
    method: "GET" as const,
    url,
    bytesMax: MANIFEST_BYTES_MAX,
    timeoutMs: REQUEST_TIMEOUT_MS,
    signal,
  });

  return {
    async tags(repository, { signal }) {
      const address = parse(repository.url);
      const tags: string[] = [];
      let url: string | null = `${address.origin}/v2/${address.repository}/tags/list?n=${TAGS_PER_PAGE}`;
      for (let page = 0; url !== null; page++) {
        if (page >= TAG_PAGES_MAX || tags.length > TAGS_MAX) {
          throw new AppError("too-large", `${address.text} has more tags than the ${TAGS_MAX} that are read`, {
            fix: "Name an exact version, or delete old tags.",
          });
        }
        const request = { ...get(url, signal), bytesMax: TAG_PAGE_BYTES_MAX, acceptsGzip: true };
        const answer = await send(repository, address, request);
        check(answer, address, "tags");
        const read = tagPage.safeParse(jsonOf(answer.body));
        if (!read.success) throw new AppError("unavailable", `${address.text} answered something else than its tags`);
        tags.push(...(read.data.tags ?? []));
        url = nextPage(answer, address);
      }
      return tags;
    },

    async digestOf(repository, reference, { signal }) {
      const address = parse(repository.url);
      const request = { ...get(manifestUrl(address, reference), signal), method: "HEAD" as const, headers: ACCEPT };
      const answer = await send(repository, address, request);
      check(answer, address, referenceName(reference));
      const digest = answer.header("docker-content-digest");
      return digest !== null && isOciDigest(digest) ? digest : null;
    },

    async manifest(repository, reference, { signal }) {
      const address = parse(repository.url);
      const request = { ...get(manifestUrl(address, reference), signal), headers: ACCEPT };
      const answer = await send(repository, address, request);
      check(answer, address, referenceName(reference));
      const digest = `sha256:${answer.sha256}`;
      const what = `the ${referenceName(reference)} of ${address.text}`;
      const said = [answer.header("docker-content-digest"), reference].filter(
        (one) => one !== null && isOciDigest(one),
      );
      if (said.some((one) => one !== digest)) {
        throw new AppError("invalid", `${what} came with another digest than its own: ${digest}`);
      }
      return { digest, manifest: parseManifest(answer.body, what) };
    },

    async blob(repository, digest, { bytesMax, signal }) {
      const address = parse(repository.url);
      if (!isOciDigest(digest)) {
        throw new AppError(
          "invalid",
          `${address.text} names a blob by ${digest.slice(0, 20)}…, and only sha256 is read`,
        );
      }
      const url = `${address.origin}/v2/${address.repository}/blobs/${digest}`;
      const answer = await send(repository, address, { ...get(url, signal), bytesMax, timeoutMs: BLOB_TIMEOUT_MS });
      check(answer, address, `blob ${digest}`);
      if (`sha256:${answer.sha256}` !== digest) {
        throw new AppError(
          "invalid",
          `${address.text} gave something else than the blob ${digest}: sha256:${answer.sha256}`,
          {
            fix: "The registry, or something before it, is damaged or does not tell the truth.",
          },
        );
      }
      return answer.body;
    },
  };
}

const ACCEPT = { accept: [...MANIFEST_TYPES, "application/vnd.oci.image.index.v1+json"].join(", ") };

const manifestUrl = ({ origin, repository }: OciAddress, reference: string): string =>
  `${origin}/v2/${repository}/manifests/${encodeURIComponent(reference).replaceAll("%3A", ":")}`;

const referenceName = (reference: string): string =>
  isOciDigest(reference) ? `manifest ${reference.slice(0, 19)}…` : `tag ${reference}`;

function check({ status, header }: HttpAnswer, { text, origin }: OciAddress, what: string): void {
  if (status >= 200 && status < 300) return;
  const host = new URL(origin).host;
  if (status === 404) {
    throw new AppError("not-found", what === "tags" ? `there is no repository ${text}` : `${text} has no ${what}`, {
      fix: "Check the address, and that it was pushed.",
    });
  }
  if (status === 401 || status === 403) {
    throw new AppError("unauthenticated", `${host} does not let these credentials read ${text}`, {
      fix: "Check that the repository exists, and that the mounted credential may read it.",
    });
  }
  if (status === 429) {
    const after = header("retry-after");
    const wait = after !== null && /^\d{1,6}$/.test(after) ? ` for ${after} s` : "";
    throw new AppError("unavailable", `${host} asks to be left alone${wait}: too many requests`);
  }
  throw new AppError("unavailable", `${host} answered with status ${status} when asked for the ${what} of ${text}`);
}

/** `Link: </v2/…?last=x>; rel="next"`. A page elsewhere is not followed: it would get the same login. */
function nextPage(answer: HttpAnswer, { origin, repository }: OciAddress): string | null {
  const match = /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(answer.header("link") ?? "");
  const next = match?.[1] === undefined ? null : URL.parse(match[1], answer.url);
  const isHere = next?.origin === origin && next.pathname === `/v2/${repository}/tags/list`;
  return isHere && next.href !== answer.url ? next.href : null;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
