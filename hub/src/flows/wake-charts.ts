import type { Clock } from "@muster/shared/clock.ts";
import type { AppUid } from "@muster/shared/model/ids.ts";
import { parseVersionRange } from "@muster/shared/version-range.ts";
import type { StoredApp } from "../core/documents/definition.ts";
import type { ChartSupply } from "./render/supply-charts.ts";

/** Polls of many hubs, and of one that restarts, shall not meet at a repository. */
const JITTER = 0.1;

export interface WakeCharts {
  start(): void;
  stop(): void;
}

/**
 * A newer version in a chart's range is nobody's event: every so often what repositories answered is forgotten, and the
 * Apps whose chart has a range are looked at again, and those that make do with a chart that is kept. One whose range
 * means the same as before renders nothing.
 */
export function wakeCharts(deps: {
  readonly apps: () => Iterable<StoredApp>;
  readonly charts: Pick<ChartSupply, "forget">;
  /** Whether an App does with a chart that is kept, because its repository did not answer. */
  readonly isMakingDo: (app: AppUid) => boolean;
  readonly wake: (app: AppUid) => void;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}): WakeCharts {
  const stopping = new AbortController();

  async function run(): Promise<void> {
    for (;;) {
      const jitter = 1 - JITTER + 2 * JITTER * deps.random();
      await deps.clock.sleep(deps.everyMs * jitter, stopping.signal);
      deps.charts.forget();
      for (const app of deps.apps()) if (followsChart(app) || deps.isMakingDo(app.uid)) deps.wake(app.uid);
    }
  }

  return {
    start: () => void run().catch(() => {}),
    stop: () => stopping.abort(),
  };
}

/** What is no range at all is told when it is rendered. */
function followsChart({ definition }: StoredApp): boolean {
  const version = definition.spec.render.helm?.chart?.version;
  if (version === undefined) return false;
  try {
    return parseVersionRange(version).exact === null;
  } catch {
    return false;
  }
}
