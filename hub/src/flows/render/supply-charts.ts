import type { Clock, Instant } from "@muster/shared/clock.ts";
import { withDeadline } from "@muster/shared/deadline.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { StoredApp } from "../../core/documents/definition.ts";
import type { Release } from "../../core/documents/release.ts";
import type { ChartRef, ChartSource, ResolvedChart } from "../../ports/chart-source.ts";
import type { CredentialStore } from "../../ports/credentials.ts";
import type { Blobs } from "../../ports/store.ts";
import type { VariantJob } from "./render-variant.ts";

const RESOLVE_TIMEOUT_MS = 30_000;
const ARCHIVE_BYTES_MAX = 16 * 1024 * 1024;
/** How long an answer of a repository is taken as it is: a new version is seen after so long at the latest. */
export const CHART_POLL_MS = 5 * 60_000;

type FrozenCharts = Release["input"]["charts"];

export type SuppliedChart =
  | { readonly kind: "chart"; readonly chart: VariantJob["chart"]; readonly frozen: FrozenCharts }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/** Charts that are not in Git: which version an App means now, and the archives that Releases were made from. */
export interface ChartSupply {
  /** @throws AppError "unavailable" when the repository does not answer. */
  of(app: Pick<StoredApp, "definition">, signal: AbortSignal): Promise<SuppliedChart>;
  /** The very archive of a Release, kept for as long as the Release is. */
  frozen(release: Release): VariantJob["chart"];
  /** Asked again from now on. */
  forget(): void;
}

/** Archives are blobs, so that an old Release renders again when the repository has lost them. */
export const chartBlob = (digest: string): string => `chart:${digest}`;

export function createChartSupply(deps: {
  charts: ChartSource;
  credentials: CredentialStore;
  blobs: Pick<Blobs, "get" | "has" | "put">;
  hold: (name: string) => void;
  /** Default `CHART_POLL_MS`. */
  pollMs?: number;
  clock: Clock;
}): ChartSupply {
  const resolved = new Map<string, { at: Instant; chart: ResolvedChart }>();

  async function resolve(ref: ChartRef, range: string, key: string, signal: AbortSignal): Promise<ResolvedChart> {
    const known = resolved.get(key);
    if (known && deps.clock.now() - known.at < (deps.pollMs ?? CHART_POLL_MS)) return known.chart;
    const chart = await deps.charts.resolve(ref, { range, signal });
    resolved.set(key, { at: deps.clock.now(), chart });
    return chart;
  }

  const fromBlob = (digest: string): (() => Promise<Uint8Array>) => {
    return async () => {
      const bytes = await deps.blobs.get(chartBlob(digest));
      if (bytes === null) throw new AppError("unavailable", `the chart archive ${digest} is not kept any more`);
      return bytes;
    };
  };

  return {
    async of(app, stop) {
      const wanted = app.definition.spec.render.helm?.chart;
      if (wanted === undefined) return { kind: "chart", chart: null, frozen: [] };
      const { project } = app.definition.metadata;
      const { repository, name, version } = wanted;
      const signal = withDeadline(RESOLVE_TIMEOUT_MS, stop);
      try {
        const credentials =
          wanted.credentials === undefined
            ? null
            : await deps.credentials.resolve(wanted.credentials, { project, url: repository }, { signal });
        const ref: ChartRef = { repository, name, credentials };
        const key = JSON.stringify([repository, name, version, wanted.credentials ?? null, project]);
        const chart = await resolve(ref, version, key, signal);
        const blob = chartBlob(chart.digest);
        deps.hold(blob);
        if (!(await deps.blobs.has(blob))) {
          const bytes = await deps.charts.pull(ref, chart, { bytesMax: ARCHIVE_BYTES_MAX, signal });
          await deps.blobs.put(blob, bytes);
        }
        return {
          kind: "chart",
          chart: { resolved: chart, archive: fromBlob(chart.digest) },
          frozen: [{ repository, name: chart.name, version: chart.version, digest: chart.digest }],
        };
      } catch (error) {
        if (!isAppError(error) || error.code === "unavailable" || error.code === "cancelled") throw error;
        const { message, fix } = error;
        return {
          kind: "invalid",
          problems: [{ code: "ChartUnavailable", message, where: {}, ...(fix === undefined ? {} : { fix }) }],
        };
      }
    },

    frozen({ input }) {
      const [chart] = input.charts;
      return chart === undefined ? null : { resolved: chart, archive: fromBlob(chart.digest) };
    },

    forget: () => resolved.clear(),
  };
}
