import { AppError } from "@muster/shared/errors.ts";
import { nearestName } from "@muster/shared/nearest-name.ts";
import { newestVersions, parseVersionRange } from "@muster/shared/version-range.ts";
import type { ChartRef, ChartSource, ResolvedChart } from "../../ports/chart-source.ts";
import type { HttpClient } from "../../ports/http-client.ts";
import { createChartIndexCache } from "./chart-index-cache.ts";
import { authorizationOf, checkAnswer } from "./http-repository.ts";
import { type IndexedVersion, type PackedIndex, versionsIn } from "./read-index.ts";

const ARCHIVE_TIMEOUT_MS = 10 * 60_000;
/** When an index tells no digest, the archive is read to find it. */
const ARCHIVE_BYTES_MAX = 64 * 1024 * 1024;

export interface HttpChartsOptions {
  readonly http: HttpClient;
  /** Some indexes (Bitnami's) name archives in OCI registries. */
  readonly oci: Pick<ChartSource, "pull">;
}

/** Charts of repositories that are an `index.yaml` and archives somewhere. */
export function createHttpCharts({ http, oci }: HttpChartsOptions): ChartSource {
  const indexes = createChartIndexCache({ http });
  /** As long as an index stays as it is, so does what was computed for it. */
  const computed = new WeakMap<PackedIndex, Map<string, string>>();

  async function resolve(chart: ChartRef, opts: { range: string; signal: AbortSignal }): Promise<ResolvedChart> {
    const range = parseVersionRange(opts.range);
    const index = await indexes.fresh(chart, opts.signal);
    const versions = versionsIn(index, chart.name);
    if (versions === null) throw noSuchChart(chart, index);
    const version = range.highestOf(versions.map((one) => one.version));
    const found = versions.find((one) => one.version === version);
    if (version === null || found === undefined) throw noSuchVersion(chart, range.text, versions);
    const digest = found.digest ?? (await computeDigest(chart, index, found, opts.signal));
    return { name: chart.name, version, digest: `sha256:${digest}` };
  }

  async function computeDigest(
    chart: ChartRef,
    index: PackedIndex,
    found: IndexedVersion,
    signal: AbortSignal,
  ): Promise<string> {
    const url = archiveUrl(chart, found);
    const ofIndex = computed.get(index) ?? new Map<string, string>();
    computed.set(index, ofIndex);
    const known = ofIndex.get(url.href);
    if (known !== undefined) return known;
    const { sha256 } = await fetchArchive(chart, url, { bytesMax: ARCHIVE_BYTES_MAX, signal });
    ofIndex.set(url.href, sha256);
    return sha256;
  }

  async function fetchArchive(chart: ChartRef, url: URL, opts: { bytesMax: number; signal: AbortSignal }) {
    const { repository, credentials } = chart;
    // Credentials are for the repository: an index may name archives anywhere.
    const isHere = url.origin === new URL(repository).origin;
    const answer = await http.send({
      method: "GET",
      url: url.href,
      authorization: isHere ? authorizationOf(credentials, repository) : null,
      credentials:
        isHere || credentials === null ? credentials : { ...credentials, tls: { ...credentials.tls, client: null } },
      bytesMax: opts.bytesMax,
      timeoutMs: ARCHIVE_TIMEOUT_MS,
      signal: opts.signal,
    });
    checkAnswer(answer, repository, `archive at ${url.origin}${url.pathname}`);
    return answer;
  }

  async function findVersion(chart: ChartRef, version: string, signal: AbortSignal): Promise<IndexedVersion> {
    const among = (index: PackedIndex | null): IndexedVersion | undefined =>
      (index === null ? null : versionsIn(index, chart.name))?.find((one) => one.version === version);
    const found = among(indexes.kept(chart));
    if (found !== undefined) return found;
    const index = await indexes.fresh(chart, signal);
    const versions = versionsIn(index, chart.name);
    if (versions === null) throw noSuchChart(chart, index);
    const now = versions.find((one) => one.version === version);
    if (now === undefined) throw noSuchVersion(chart, version, versions);
    return now;
  }

  async function pull(
    chart: ChartRef,
    resolved: ResolvedChart,
    opts: { bytesMax: number; signal: AbortSignal },
  ): Promise<Uint8Array> {
    const found = await findVersion(chart, resolved.version, opts.signal);
    const inRegistry = /^(oci:\/\/.+)\/([^/:]+)(?::[^/]*)?$/.exec(found.url ?? "");
    if (inRegistry !== null) {
      const [, repository = "", name = ""] = inRegistry;
      return oci.pull({ repository, name, credentials: null }, resolved, opts);
    }
    const { body, sha256 } = await fetchArchive(chart, archiveUrl(chart, found), opts);
    if (`sha256:${sha256}` !== resolved.digest) {
      throw new AppError(
        "invalid",
        `the archive of ${chart.name} ${resolved.version} in ${chart.repository} has the digest sha256:${sha256}, and ${resolved.digest} was expected`,
        { fix: "Somebody replaced a version that was published. Publish the change as a new version." },
      );
    }
    return body;
  }

  return { resolve, pull, close: () => indexes.close() };
}

/** As Helm does it: relative to the repository, whose query stays. */
function archiveUrl({ repository, name }: ChartRef, { version, url }: IndexedVersion): URL {
  const base = new URL(repository);
  const folder = new URL(base);
  folder.pathname = `${base.pathname.replace(/\/+$/, "")}/`;
  const found = url === null ? null : URL.parse(url, folder);
  if (url === null || found === null || !/^https?:$/.test(found.protocol)) {
    throw new AppError("invalid", `the index of ${repository} names no address of ${name} ${version} that can be read`);
  }
  if (base.protocol === "https:" && found.protocol === "http:") {
    throw new AppError("forbidden", `the index of ${repository} has ${name} ${version} at ${found.host} without TLS`);
  }
  if (!URL.canParse(url)) found.search ||= base.search;
  return found;
}

function noSuchChart({ repository, name }: ChartRef, { names }: PackedIndex): AppError {
  const near = nearestName(name, names);
  const some = names.slice(0, 5).join(", ");
  const there = names.length > 5 ? `${some} and ${names.length - 5} more` : some || "none";
  return new AppError("not-found", `${repository} has no chart ${name}: it has ${there}`, {
    fix: near === null ? "Check the name." : `Did you mean ${near}?`,
  });
}

function noSuchVersion({ repository, name }: ChartRef, range: string, versions: readonly IndexedVersion[]): AppError {
  const newest = newestVersions(
    versions.map(({ version }) => version),
    3,
  );
  const there = newest.length === 0 ? "it has no versions at all" : `the newest there are ${newest.join(", ")}`;
  return new AppError("not-found", `no version of ${name} in ${repository} is in the range ${range || "*"}: ${there}`, {
    fix: "Check the range; pre-releases count only when it names one (>=1.2.0-0).",
  });
}
