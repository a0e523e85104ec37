import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import type { Report } from "@muster/shared/model/report.ts";
import { shortHash } from "../core/managed-fields.ts";

export type Urgency =
  /** Told at once. */
  | "verdict"
  /** May wait a moment: often something better to tell comes first. */
  | "progress";

/** The part of a session that takes reports. */
export interface ReportSink {
  report(reports: readonly Report[], opts: { signal: AbortSignal }): Promise<void>;
}

export interface Reporter {
  /** Something about this key changed; the report is made when it is sent, so the latest state wins. */
  changed(key: string, urgency: Urgency): void;
  /** Nothing is to be told about this key any more. */
  forget(key: string): void;
  /** Sends to this session until `signal` aborts; begins with everything, for the hub may have forgotten. */
  serve(sink: ReportSink, signal: AbortSignal): Promise<void>;
}

const progressDelayMs = 150;
/** Progress of one App is told at most this often. */
const progressEveryMs = 1_000;
const batchMax = 50;
/** Batches that the hub has not acknowledged yet. */
const inFlightMax = 4;

/**
 * Tells the hub how Apps are, coalesced: per key only the latest state counts, the state that was told last is not told
 * again, and what a broken session did not acknowledge is told to the next one.
 */
export function createReporter(deps: {
  readonly clock: Clock;
  readonly log: Log;
  /** The report of a key as it is now, or null when there is none. */
  readonly build: (key: string) => Report | null;
  /** Every key there is: told to each new session. */
  readonly keys: () => Iterable<string>;
}): Reporter {
  const { clock, log } = deps;
  const due = new Map<string, number>();
  const sentAt = new Map<string, number>();
  /** By key, the hash of what this session was told last, acknowledged or not: the session's end forgets it. */
  let told = new Map<string, string>();
  let wake: (() => void) | null = null;

  const schedule = (key: string, at: number): void => {
    due.set(key, Math.min(due.get(key) ?? Number.POSITIVE_INFINITY, at));
    wake?.();
  };
  const takeDue = (): { key: string; report: Report }[] => {
    const now = clock.now();
    const batch: { key: string; report: Report }[] = [];
    for (const [key, at] of due) {
      if (batch.length >= batchMax) break;
      // What is due later than anything can be was planned before the clock was set back.
      if (at > now && at - now <= progressEveryMs) continue;
      due.delete(key);
      const report = deps.build(key);
      if (report === null) continue;
      const hash = shortHash(JSON.stringify({ ...report, observedAt: 0 }));
      if (told.get(key) === hash) continue;
      told.set(key, hash);
      batch.push({ key, report });
      sentAt.set(key, now);
    }
    return batch;
  };

  return {
    changed(key, urgency) {
      const now = clock.now();
      if (urgency === "verdict") schedule(key, now);
      else schedule(key, Math.max(now + progressDelayMs, (sentAt.get(key) ?? 0) + progressEveryMs));
    },
    forget(key) {
      due.delete(key);
      sentAt.delete(key);
      told.delete(key);
    },
    async serve(sink, signal) {
      told = new Map();
      for (const key of deps.keys()) schedule(key, clock.now());
      const inFlight = new Set<Promise<void>>();
      let isBroken = false;
      while (!signal.aborted && !isBroken) {
        const batch = inFlight.size < inFlightMax ? takeDue() : [];
        if (batch.length > 0) {
          const sending = sink
            .report(
              batch.map(({ report }) => report),
              { signal },
            )
            .then(
              () => {},
              (error) => {
                isBroken = true;
                for (const { key } of batch) due.set(key, clock.now());
                if (!signal.aborted) log.debug({ err: error }, "reports not acknowledged; told again later");
              },
            )
            .finally(() => {
              inFlight.delete(sending);
              wake?.();
            });
          inFlight.add(sending);
          continue;
        }
        await change(inFlight.size < inFlightMax, signal);
      }
      await Promise.allSettled(inFlight);
    },
  };

  async function change(mayMoveOn: boolean, signal: AbortSignal): Promise<void> {
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true, signal: timer.signal });
      if (signal.aborted) resolve();
    });
    let next = Number.POSITIVE_INFINITY;
    if (mayMoveOn) for (const at of due.values()) next = Math.min(next, at);
    const elapsed =
      next === Number.POSITIVE_INFINITY
        ? woken
        : clock.sleep(Math.min(progressEveryMs, Math.max(0, next - clock.now())), timer.signal).catch(() => {});
    await Promise.race([woken, elapsed]);
    wake = null;
    timer.abort();
  }
}
