import { monitorEventLoopDelay } from "node:perf_hooks";

export interface DelayWatch {
  /** The longest time, since it began or was reset, that something due on this thread had to wait. Milliseconds. */
  maxMs(): number;
  reset(): void;
  stop(): void;
}

const RESOLUTION_MS = 1;

/** Watches the thread it is called on. */
export function watchDelay(): DelayWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    // A timer of a millisecond is always one late: that much is the instrument.
    maxMs: () => Math.max(0, Math.round((histogram.max / 1e6 - RESOLUTION_MS) * 10) / 10),
    reset: () => histogram.reset(),
    stop: () => void histogram.disable(),
  };
}
