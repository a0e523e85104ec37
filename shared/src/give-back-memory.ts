import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Log } from "./log.ts";

const CHECK_MS = 10_000;
/** A process that used less of its time than this since the last look has nothing to do. */
const IDLE_UTILIZATION_MAX = 0.02;
const GROWTH_BYTES_MIN = 16 * 1024 * 1024;

/** Whether memory is to be given back now: nothing to do, and enough was taken since the last time to be worth it. */
export function shouldGiveBack(now: { utilization: number; rssBytes: number; rssBytesAfterLast: number }): boolean {
  const hasGrown = now.rssBytes - now.rssBytesAfterLast >= GROWTH_BYTES_MIN;
  return hasGrown && now.utilization <= IDLE_UTILIZATION_MAX;
}

/**
 * Keeps the process small. V8 grows its young generation and its heap in a burst and keeps them for the next, which on
 * 1,000 Apps is half of the process; a collection that compacts, once there is nothing to do, gives that back
 * (measured: 273 MB → 160 MB). It stops the thread for some 50 ms, which is why it waits for idleness.
 * Returns the way to stop.
 */
export function giveBackMemory({ log }: { log: Log }): () => void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (opts: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;
  let rssBytesAfterLast = 0;
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    const rssBytes = process.memoryUsage.rss();
    if (!shouldGiveBack({ utilization, rssBytes, rssBytesAfterLast })) return;
    const began = performance.now();
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
    rssBytesAfterLast = process.memoryUsage.rss();
    log.debug(
      { rssBytes, rssBytesAfter: rssBytesAfterLast, ms: Math.round(performance.now() - began) },
      "memory given back",
    );
  }, CHECK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
