import { createHash } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import { SharedWork } from "@muster/shared/shared-work.ts";
import type { ChartRef } from "../../ports/chart-source.ts";
import type { HttpAnswer, HttpClient } from "../../ports/http-client.ts";
import { authorizationOf, checkAnswer } from "./http-repository.ts";
import { createIndexReader } from "./index-reader.ts";
import { type PackedIndex, packedBytes } from "./read-index.ts";

const INDEX_BYTES_MAX = 64 * 1024 * 1024;
const INDEX_TIMEOUT_MS = 60_000;
const KEPT_BYTES_MAX = 64 * 1024 * 1024;

export interface ChartIndexCache {
  /** As it is now: one small request when nothing changed and the server can tell. */
  fresh(chart: ChartRef, signal: AbortSignal): Promise<PackedIndex>;
  /** As it was when it was last asked for, if it is still there. */
  kept(chart: ChartRef): PackedIndex | null;
  close(): Promise<void>;
}

interface KeptIndex {
  readonly index: PackedIndex;
  readonly bytes: number;
  readonly sha256: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/**
 * The indexes of HTTP chart repositories. One is kept for each repository and credentials, so that what somebody may
 * read is shown to nobody else; the one that was used longest ago makes room.
 */
export function createChartIndexCache({ http }: { http: HttpClient }): ChartIndexCache {
  const reader = createIndexReader();
  const work = new SharedWork<PackedIndex>();
  const kept = new Map<string, KeptIndex>();

  async function fetchIndex(chart: ChartRef, key: string, signal: AbortSignal): Promise<PackedIndex> {
    const before = kept.get(key) ?? null;
    const answer = await http.send({
      method: "GET",
      url: indexUrl(chart.repository),
      headers: conditions(before),
      authorization: authorizationOf(chart.credentials, chart.repository),
      credentials: chart.credentials,
      bytesMax: INDEX_BYTES_MAX,
      timeoutMs: INDEX_TIMEOUT_MS,
      acceptsGzip: true,
      signal,
    });
    const isSame =
      before !== null && (answer.status === 304 || (answer.status === 200 && answer.sha256 === before.sha256));
    if (isSame) return remember(key, { ...before, ...(answer.status === 200 ? validators(answer) : {}) });
    checkAnswer(answer, chart.repository, "index.yaml");
    const { sha256 } = answer;
    const index = await reader.read(answer.body).catch((error: unknown) => {
      throw error instanceof AppError ? at(chart.repository, error) : error;
    });
    return remember(key, { index, bytes: packedBytes(index), sha256, ...validators(answer) });
  }

  function remember(key: string, one: KeptIndex): PackedIndex {
    kept.delete(key);
    kept.set(key, one);
    let bytes = [...kept.values()].reduce((total, other) => total + other.bytes, 0);
    for (const [oldest, other] of kept) {
      if (bytes <= KEPT_BYTES_MAX) break;
      kept.delete(oldest);
      bytes -= other.bytes;
    }
    return one.index;
  }

  return {
    fresh(chart, signal) {
      const key = keyOf(chart);
      const what = `reading the index of ${chart.repository}`;
      return work.run(key, (shared) => fetchIndex(chart, key, shared), { what, signal });
    },
    kept: (chart) => kept.get(keyOf(chart))?.index ?? null,
    close: () => reader.close(),
  };
}

/** Credentials are secrets, so what is kept of them is their digest. */
const keyOf = ({ repository, credentials }: ChartRef): string =>
  createHash("sha256")
    .update(JSON.stringify([repository, credentials]))
    .digest("hex");

/** `index.yaml` below the repository's path; a query (some carry a token of theirs there) stays. */
function indexUrl(repository: string): string {
  const url = URL.parse(repository);
  if (url === null) return repository;
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/index.yaml`;
  return url.href;
}

function conditions(before: KeptIndex | null): Record<string, string> {
  if (before?.etag) return { "if-none-match": before.etag };
  return before?.lastModified ? { "if-modified-since": before.lastModified } : {};
}

const validators = (answer: HttpAnswer): Pick<KeptIndex, "etag" | "lastModified"> => ({
  etag: answer.header("etag"),
  lastModified: answer.header("last-modified"),
});

const at = (repository: string, error: AppError): AppError =>
  new AppError(error.code, `${repository}: ${error.message}`, {
    cause: error,
    ...(error.fix === undefined ? {} : { fix: error.fix }),
  });
