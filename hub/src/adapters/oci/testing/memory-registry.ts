import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface MemoryRegistryOptions {
  /** Who may read. Without it everybody may. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** How it asks for them. Default `bearer`, with a token server of its own. */
  readonly login?: "bearer" | "basic";
  /** Where blobs are redirected to, and logins sent, instead of this registry itself. */
  readonly storage?: string;
  readonly realm?: string;
  readonly tagsPerPage?: number;
}

export interface MemoryRegistry {
  /** `oci://127.0.0.1:PORT`. */
  readonly url: string;
  readonly httpUrl: string;
  /** `METHOD /path` of every request, with what was in `Authorization`. */
  readonly requests: { readonly line: string; readonly authorization: string | undefined }[];
  blob(content: Uint8Array): string;
  /** Puts a manifest under a tag, and answers its digest. */
  push(repository: string, tag: string, manifest: unknown): string;
  /** Makes the next requests whose path matches fail with this status. */
  failWith(status: number | null): void;
  stop(): Promise<void>;
}

/** The reading half of an OCI registry, in memory, on loopback. */
export async function memoryRegistry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, Buffer>();
  const tags = new Map<string, Map<string, string>>();
  const requests: { line: string; authorization: string | undefined }[] = [];
  let failure: number | null = null;
  const expected =
    options.credentials &&
    `Basic ${Buffer.from(`${options.credentials.username}:${options.credentials.password}`).toString("base64")}`;

  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  function answer(request: IncomingMessage, response: ServerResponse): ServerResponse {
    const url = new URL(request.url ?? "", `http://${host}`);
    const { authorization } = request.headers;
    requests.push({ line: `${request.method} ${url.pathname}`, authorization });
    if (failure !== null) return end(response, failure, "");
    if (url.pathname === "/token") {
      if (expected !== undefined && authorization !== expected) return end(response, 401, "{}");
      return end(response, 200, JSON.stringify({ token: `token-${url.searchParams.get("scope")}` }));
    }
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(url.pathname);
    if (match === null) return end(response, 404, "");
    const [, repository = "", kind, reference = ""] = match;
    if (expected !== undefined) {
      const isBasic = options.login === "basic";
      const wanted = isBasic ? expected : `Bearer token-repository:${repository}:pull`;
      if (authorization !== wanted) {
        const realm = options.realm ?? `http://${host}/token`;
        const challenge = isBasic
          ? 'Basic realm="a registry"'
          : `Bearer realm="${realm}",service="memory",scope="repository:${repository}:pull"`;
        response.setHeader("www-authenticate", challenge);
        return end(response, 401, "{}");
      }
    }
    if (kind === "tags") return listTags(url, repository, response);
    if (kind === "blobs") {
      const content = blobs.get(reference);
      if (content === undefined) return end(response, 404, "");
      if (options.storage === undefined) return end(response, 200, content);
      response.setHeader("location", `${options.storage}/${reference}?signature=x`);
      return end(response, 307, "");
    }
    const digest = reference.startsWith("sha256:") ? reference : tags.get(repository)?.get(reference);
    const manifest = digest === undefined ? undefined : manifests.get(`${repository}@${digest}`);
    if (manifest === undefined) return end(response, 404, '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    response.setHeader("docker-content-digest", digest ?? "");
    response.setHeader("content-type", "application/vnd.oci.image.manifest.v1+json");
    return end(response, 200, request.method === "HEAD" ? "" : manifest);
  }

  function listTags(url: URL, repository: string, response: ServerResponse): ServerResponse {
    const all = tags.get(repository);
    if (all === undefined) return end(response, 404, '{"errors":[{"code":"NAME_UNKNOWN"}]}');
    const last = url.searchParams.get("last");
    const sorted = [...all.keys()].sort();
    const rest = last === null ? sorted : sorted.filter((tag) => tag > last);
    const page = rest.slice(0, options.tagsPerPage ?? 1_000);
    if (page.length < rest.length) {
      response.setHeader("link", `</v2/${repository}/tags/list?last=${page.at(-1)}>; rel="next"`);
    }
    return end(response, 200, JSON.stringify({ name: repository, tags: page }));
  }

  const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

  return {
    url: `oci://${host}`,
    httpUrl: `http://${host}`,
    requests,
    blob(content) {
      const digest = digestOf(content);
      blobs.set(digest, Buffer.from(content));
      return digest;
    },
    push(repository, tag, manifest) {
      const bytes = Buffer.from(JSON.stringify(manifest));
      const digest = digestOf(bytes);
      manifests.set(`${repository}@${digest}`, bytes);
      tags.set(repository, (tags.get(repository) ?? new Map<string, string>()).set(tag, digest));
      return digest;
    },
    failWith(status) {
      failure = status;
    },
    stop: () =>
      new Promise<void>((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

const end = (response: ServerResponse, status: number, body: string | Buffer): ServerResponse =>
  response.writeHead(status).end(body);
