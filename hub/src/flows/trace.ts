import type { Instant } from "@muster/shared/clock.ts";
import type { AppUid } from "@muster/shared/model/ids.ts";

/** When a commit passed each arrow on its way to the clusters and back, for one App. Milliseconds since 1970. */
export interface RevisionTrace {
  readonly commit: string;
  release: number | null;
  readonly at: {
    woken?: Instant;
    fetched?: Instant;
    compared?: Instant;
    rendered?: Instant;
    released?: Instant;
    intended?: Instant;
    assigned?: Instant;
  };
  readonly clusters: Record<string, { sent?: Instant; applied?: Instant; healthy?: Instant }>;
}

export const TRACES_PER_APP_MAX = 20;
const APPS_MAX = 500;
const CLUSTERS_MAX = 32;

/** A ring of the last few Revisions of each App: where the time goes, arrow by arrow. In memory only. */
export interface Traces {
  begin(app: AppUid, commit: string, at: { woken: Instant; fetched: Instant }): void;
  mark(app: AppUid, arrow: keyof RevisionTrace["at"], at: Instant): void;
  released(app: AppUid, commit: string, release: number, at: Instant): void;
  cluster(app: AppUid, release: number, cluster: string, step: "sent" | "applied" | "healthy", at: Instant): void;
  of(app: AppUid): readonly RevisionTrace[];
}

export function createTraces(): Traces {
  const rings = new Map<AppUid, RevisionTrace[]>();

  return {
    begin(app, commit, at) {
      const ring = rings.get(app) ?? [];
      // Put in anew, so that the App that was traced longest ago is forgotten first.
      rings.delete(app);
      rings.set(app, ring);
      if (ring.at(-1)?.commit === commit) return;
      ring.push({ commit, release: null, at: { ...at }, clusters: {} });
      if (ring.length > TRACES_PER_APP_MAX) ring.shift();
      const [oldest] = rings.keys();
      if (rings.size > APPS_MAX && oldest !== undefined) rings.delete(oldest);
    },
    mark(app, arrow, at) {
      const last = rings.get(app)?.at(-1);
      if (last) last.at[arrow] ??= at;
    },
    released(app, commit, release, at) {
      const trace = rings.get(app)?.findLast((candidate) => candidate.commit === commit);
      if (trace === undefined) return;
      trace.release = release;
      trace.at.released ??= at;
    },
    cluster(app, release, cluster, step, at) {
      const trace = rings.get(app)?.findLast((candidate) => candidate.release === release);
      if (trace === undefined) return;
      const seen = trace.clusters[cluster];
      if (seen === undefined && Object.keys(trace.clusters).length >= CLUSTERS_MAX) return;
      trace.clusters[cluster] = { [step]: at, ...seen };
    },
    of: (app) => rings.get(app) ?? [],
  };
}
