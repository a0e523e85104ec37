import { backoff } from "@muster/shared/backoff.ts";
import { type Clock, cancelled } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import { AUDIT_STREAM, type AuditEntry } from "../core/documents/audit-entry.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import type { Journal, Json } from "../ports/store.ts";

const BATCH_MAX = 200;
const RETRY = { initialMs: 100, maxMs: 10_000 } as const;

export interface AuditDrain {
  /** Entries of a document as it was just stored or read. Those that are known already are nothing. */
  notice(audit: readonly AuditEntry[] | undefined): void;
  /** Whether the journal holds it: then the document may leave it out at its next write. */
  isDrained(id: string): boolean;
  /** The document that held them is written without them, or gone. */
  forget(ids: Iterable<string>): void;
  /** Resolves when everything noticed so far is in the journal. @throws AppError "cancelled" when it is stopped. */
  flush(): Promise<void>;
}

/**
 * Carries audit entries from the documents they were written with into the journal, in batches, by id: an entry that
 * was appended before a crash is not appended again. What waits is bounded by what documents hold.
 */
export function createAuditDrain(deps: {
  journal: Journal;
  clock: Clock;
  random: () => number;
  log: Log;
  metrics: HubMetrics;
  signal: AbortSignal;
}): AuditDrain {
  const { journal, clock, random, log, metrics, signal } = deps;
  const waiting = new Map<string, AuditEntry>();
  const drained = new Set<string>();
  const waits = backoff({ ...RETRY, random });
  let running: Promise<void> | null = null;

  async function drainAll(): Promise<void> {
    while (waiting.size > 0 && !signal.aborted) {
      const batch = [...waiting.values()].slice(0, BATCH_MAX);
      try {
        await journal.append(
          AUDIT_STREAM,
          batch.map((entry) => ({ id: entry.id, value: entry as unknown as Json })),
        );
        waits.reset();
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error, waiting: waiting.size }, "audit entries not yet in the journal; they are tried again");
        await clock.sleep(waits.next(), signal).catch(() => {});
        continue;
      }
      for (const { id } of batch) {
        waiting.delete(id);
        drained.add(id);
      }
      metrics.count("audit-entries", batch.length);
    }
  }

  return {
    notice(audit) {
      for (const entry of audit ?? []) if (!drained.has(entry.id)) waiting.set(entry.id, entry);
      if (waiting.size === 0 || running !== null) return;
      running = drainAll().finally(() => {
        running = null;
      });
    },
    isDrained: (id) => drained.has(id),
    forget(ids) {
      for (const id of ids) if (!waiting.has(id)) drained.delete(id);
    },
    async flush() {
      while (running !== null) await running;
      if (waiting.size > 0) throw cancelled("draining the audit entries", signal.reason);
    },
  };
}
