import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export interface MemoryChartRepositoryOptions {
  readonly credentials?: { readonly username: string; readonly password: string };
  /** What lets a client ask whether the index changed. Default `etag`. */
  readonly validator?: "etag" | "last-modified" | "none";
  /** Default true. */
  readonly hasDigests?: boolean;
  /** What stands before an archive's name in the index. Default `archives/`. */
  readonly urlPrefix?: string;
}

export interface MemoryChartRepository {
  /** `http://127.0.0.1:PORT/charts`. */
  readonly url: string;
  readonly requests: { readonly path: string; readonly status: number; readonly authorization: string | undefined }[];
  put(name: string, version: string, archive: Uint8Array): void;
  /** Answers this for the index instead of what was put. */
  setIndex(text: string | null): void;
  stop(): Promise<void>;
}

/** A chart repository in memory, on loopback. */
export async function memoryChartRepository(
  options: MemoryChartRepositoryOptions = {},
): Promise<MemoryChartRepository> {
  const archives = new Map<string, Uint8Array>();
  const entries = new Map<string, object[]>();
  const requests: { path: string; status: number; authorization: string | undefined }[] = [];
  let written: Buffer | null = null;
  let changes = 0;
  const expected =
    options.credentials &&
    `Basic ${Buffer.from(`${options.credentials.username}:${options.credentials.password}`).toString("base64")}`;

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    const { authorization } = request.headers;
    const answer = (status: number, headers: Record<string, string>, body: Uint8Array | string): void => {
      requests.push({ path: request.url ?? "", status, authorization });
      response.writeHead(status, headers).end(body);
    };
    if (expected !== undefined && authorization !== expected) return answer(401, {}, "");
    if (pathname !== "/charts/index.yaml") {
      const archive = archives.get(pathname.replace(/^.*\//, ""));
      return archive === undefined ? answer(404, {}, "") : answer(200, {}, archive);
    }
    const headers: Record<string, string> = {};
    const { validator = "etag" } = options;
    const changedAt = new Date(changes * 1_000).toUTCString();
    if (validator === "etag") headers.etag = `"${changes}"`;
    if (validator === "last-modified") headers["last-modified"] = changedAt;
    const isSame =
      (validator === "etag" && request.headers["if-none-match"] === headers.etag) ||
      (validator === "last-modified" && request.headers["if-modified-since"] === changedAt);
    if (isSame) return answer(304, headers, "");
    answer(200, { ...headers, "content-encoding": "gzip" }, written ?? gzipSync(indexText(entries)));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}/charts`,
    requests,
    put(name, version, archive) {
      changes += 1;
      const file = `${name}-${version}.tgz`;
      archives.set(encodeURIComponent(file), archive);
      const digest = createHash("sha256").update(archive).digest("hex");
      const entry = {
        name,
        version,
        ...(options.hasDigests === false ? {} : { digest }),
        urls: [`${options.urlPrefix ?? "archives/"}${encodeURIComponent(file)}`],
      };
      entries.set(name, [...(entries.get(name) ?? []), entry]);
    },
    setIndex(text) {
      changes += 1;
      written = text === null ? null : gzipSync(text);
    },
    stop: () =>
      new Promise<void>((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

/** Laid out as Helm writes it. */
function indexText(entries: ReadonlyMap<string, readonly object[]>): string {
  const lines = ["apiVersion: v1", "entries:"];
  for (const [name, versions] of entries) {
    lines.push(`  ${name}:`);
    for (const version of versions) {
      const fields = Object.entries(version).map(([key, value]) =>
        Array.isArray(value) ? `urls:\n    - ${value[0]}` : `${key}: ${value}`,
      );
      lines.push(`  - ${fields.join("\n    ")}`);
    }
  }
  return [...lines, 'generated: "2026-03-03T12:00:00Z"', ""].join("\n");
}
