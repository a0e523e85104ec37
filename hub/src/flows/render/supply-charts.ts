import type { Clock, Instant } from "@muster/shared/clock.ts";
import { withDeadline } from "@muster/shared/deadline.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { AppSpec } from "@muster/shared/model/definitions/app.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { parseVersionRange } from "@muster/shared/version-range.ts";
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
  | {
      readonly kind: "chart";
      readonly chart: VariantJob["chart"];
      readonly frozen: FrozenCharts;
      /** That the repository did not answer, and what was taken instead. */
      readonly notices: readonly Problem[];
    }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/** Charts that are not in Git: which version an App means now, and the archives that Releases were made from. */
export interface ChartSupply {
  /**
   * While the repository does not answer, the archive of the latest Release serves, if it still is what the definition
   * asks for. @throws AppError "unavailable" when it is not, or there is none.
   */
  of(
    app: Pick<StoredApp, "definition">,
    opts: { latest: Pick<Release, "input"> | null; signal: AbortSignal },
  ): Promise<SuppliedChart>;
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
  /** Repositories that did not answer, in their own words: not asked until the next poll by those who can do without. */
  const silent = new Map<string, { at: Instant; error: AppError }>();
  const pollMs = deps.pollMs ?? CHART_POLL_MS;

  async function resolve(ref: ChartRef, range: string, key: string, signal: AbortSignal): Promise<ResolvedChart> {
    const known = resolved.get(key);
    if (known && deps.clock.now() - known.at < pollMs) return known.chart;
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

  /** The chart of the latest Release, where it is what is asked for now and its archive is here. */
  async function keptOf({ repository, name, version }: Wanted, latest: Pick<Release, "input"> | null) {
    const kept = latest?.input.charts.find((chart) => chart.repository === repository && chart.name === name);
    if (kept === undefined || !isIn(version, kept.version)) return null;
    deps.hold(chartBlob(kept.digest));
    return (await deps.blobs.has(chartBlob(kept.digest))) ? kept : null;
  }

  async function fetchChart(wanted: Wanted, project: string, stop: AbortSignal): Promise<ResolvedChart> {
    const { repository, name, version } = wanted;
    const signal = withDeadline(RESOLVE_TIMEOUT_MS, stop);
    const credentials =
      wanted.credentials === undefined
        ? null
        : await deps.credentials.resolve(wanted.credentials, { project, url: repository }, { signal });
    const ref: ChartRef = { repository, name, credentials };
    const chart = await resolve(ref, version, keyOf(wanted, project), signal);
    const blob = chartBlob(chart.digest);
    deps.hold(blob);
    if (!(await deps.blobs.has(blob))) {
      const bytes = await deps.charts.pull(ref, chart, { bytesMax: ARCHIVE_BYTES_MAX, signal });
      await deps.blobs.put(blob, bytes);
    }
    return chart;
  }

  const supplied = ({ repository }: Wanted, chart: ResolvedChart, notices: readonly Problem[]): SuppliedChart => ({
    kind: "chart",
    chart: { resolved: chart, archive: fromBlob(chart.digest) },
    frozen: [{ repository, name: chart.name, version: chart.version, digest: chart.digest }],
    notices,
  });

  return {
    async of(app, { latest, signal }) {
      const wanted = app.definition.spec.render.helm?.chart;
      if (wanted === undefined) return { kind: "chart", chart: null, frozen: [], notices: [] };
      const { project } = app.definition.metadata;
      const key = keyOf(wanted, project);
      const asked = silent.get(key);
      if (asked !== undefined && deps.clock.now() - asked.at < pollMs) {
        const kept = await keptOf(wanted, latest);
        if (kept !== null) return supplied(wanted, kept, [keptNotice(wanted, kept, asked.error)]);
      }
      try {
        const chart = await fetchChart(wanted, project, signal);
        silent.delete(key);
        return supplied(wanted, chart, []);
      } catch (error) {
        if (!isAppError(error) || error.code === "cancelled" || signal.aborted) throw error;
        if (error.code === "unavailable") {
          const kept = await keptOf(wanted, latest);
          if (kept === null) throw error;
          silent.set(key, { at: deps.clock.now(), error });
          return supplied(wanted, kept, [keptNotice(wanted, kept, error)]);
        }
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

    forget() {
      resolved.clear();
      silent.clear();
    },
  };
}

type Wanted = NonNullable<NonNullable<AppSpec["render"]["helm"]>["chart"]>;

const keyOf = ({ repository, name, version, credentials }: Wanted, project: string): string =>
  JSON.stringify([repository, name, version, credentials ?? null, project]);

function isIn(range: string, version: string): boolean {
  try {
    return parseVersionRange(range).includes(version);
  } catch {
    return false; // what is no range is told by the repository's side
  }
}

const keptNotice = ({ repository }: Wanted, { name, version }: ResolvedChart, error: AppError): Problem => ({
  code: "ChartKept",
  message: `${name} ${version} is rendered from the archive that is kept: ${repository.slice(0, 250)} is not answering (${error.message.slice(0, 1_000)}), so whether there is a newer one is not known.`,
  where: {},
  fix: error.fix ?? "Nothing has to be done once it answers: it is asked again by itself.",
});
