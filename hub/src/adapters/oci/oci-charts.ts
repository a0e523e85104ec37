import { AppError, isAppError } from "@muster/shared/errors.ts";
import { newestVersions, parseVersionRange } from "@muster/shared/version-range.ts";
import type { ChartRef, ChartSource, ResolvedChart } from "../../ports/chart-source.ts";
import { isTag } from "./address.ts";
import type { FoundManifest, OciRegistry, OciRepository } from "./registry.ts";

const HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json";
/** The second is what Helm pushed before 3.7. */
const HELM_CONTENT: ReadonlySet<string> = new Set([
  "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
  "application/tar+gzip",
]);

/** Charts as Helm pushes them: the repository's path and the chart's name name a repository, and versions are its tags. */
export function createOciCharts({ registry }: { registry: OciRegistry }): ChartSource {
  async function resolve(chart: ChartRef, opts: { range: string; signal: AbortSignal }): Promise<ResolvedChart> {
    const range = parseVersionRange(opts.range);
    const repository = repositoryOf(chart);
    const exact = range.exact === null || !isTag(tagOf(range.exact)) ? null : range.exact;
    const direct = exact === null ? null : await manifestIfAny(repository, tagOf(exact), opts.signal);
    if (exact !== null && direct !== null) return resolved(chart, exact, direct);

    const versions = (await registry.tags(repository, opts)).map(versionOf);
    // Not where an exact version was looked for just now, but perhaps under another spelling: v1.2.3.
    const version = range.highestOf(versions.filter((one) => one !== exact));
    if (version === null) throw noSuchVersion(chart, range.text, versions);
    return resolved(chart, version, await registry.manifest(repository, tagOf(version), opts));
  }

  async function manifestIfAny(
    repository: OciRepository,
    tag: string,
    signal: AbortSignal,
  ): Promise<FoundManifest | null> {
    try {
      return await registry.manifest(repository, tag, { signal });
    } catch (error) {
      if (isAppError(error, "not-found")) return null;
      throw error;
    }
  }

  return {
    resolve,
    pull: (chart, { digest }, opts) => registry.blob(repositoryOf(chart), digest, opts),
    close: async () => {},
  };
}

function repositoryOf({ repository, name, credentials }: ChartRef): OciRepository {
  return { url: `${repository.replace(/\/+$/, "")}/${name}`, credentials };
}

/** A tag has no `+`, so Helm writes `_` instead. */
const tagOf = (version: string): string => version.replaceAll("+", "_");
const versionOf = (tag: string): string => tag.replaceAll("_", "+");

function resolved({ repository, name }: ChartRef, version: string, { manifest }: FoundManifest): ResolvedChart {
  const what = `${repository}/${name} ${version}`;
  const layer = manifest.layers.find(({ mediaType }) => HELM_CONTENT.has(mediaType));
  if (manifest.config.mediaType !== HELM_CONFIG || layer === undefined) {
    throw new AppError(
      "invalid",
      `${what} is no Helm chart but ${manifest.artifactType ?? manifest.config.mediaType}`,
      {
        fix: "Charts get there with helm push.",
      },
    );
  }
  if (!/^sha256:[0-9a-f]{64}$/.test(layer.digest)) {
    throw new AppError("invalid", `${what} names its archive by something else than sha256`);
  }
  return { name, version, digest: layer.digest };
}

function noSuchVersion({ repository, name }: ChartRef, range: string, versions: readonly string[]): AppError {
  const newest = newestVersions(versions, 3);
  const there = newest.length === 0 ? "it has no versions at all" : `the newest there are ${newest.join(", ")}`;
  return new AppError("not-found", `no version of ${repository}/${name} is in the range ${range || "*"}: ${there}`, {
    fix: "Check the range; pre-releases count only when it names one (>=1.2.0-0).",
  });
}
