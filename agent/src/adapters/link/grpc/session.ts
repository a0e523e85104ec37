import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import { AppError, type ErrorCode, isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type Report, report as reportModel } from "@muster/shared/model/report.ts";
import type { Hello, HelloAck } from "@muster/shared/model/session.ts";
import { createPacedWriter } from "@muster/shared/paced-writer.ts";
import { readModel } from "@muster/shared/wire/read.ts";
import { HEARTBEATS_MISSED_MAX, LINK_METHODS, REPORT_BATCHES_MAX } from "@muster/shared/wire/service.ts";
import { decodeHubEnvelope, encodeAgentEnvelope, type HubEnvelope } from "@muster/shared/wire/session.ts";
import type { HubMessage, HubSession } from "../../../ports/hub-link.ts";
import { raw, translate } from "./channel.ts";
import { createInbox } from "./inbox.ts";

/**
 * The agent's end of one control stream.
 *
 * States: asking (Hello sent, within a deadline) → open → ended. It ends when `close` is called, the hub refuses or
 * leaves, the connection breaks, or the hub falls silent for three heartbeats. Reports wait for their ack: what was
 * not acknowledged when it ends is the caller's to send again.
 */
export type ControlSession = Omit<HubSession, "fetchBundle"> & { readonly ended: AbortSignal };

const OUTBOX_BYTES_MAX = 8 * 1024 * 1024;
const INBOX_LENGTH_MAX = 2_048;
const BATCH_REPORTS_MAX = 100;
/** At 1 Mbit/s a batch takes two seconds: heartbeats still get through between two of them. */
const BATCH_BYTES_MAX = 256 * 1024;
const GOODBYE_MS = 1_000;

const CODES: ReadonlySet<string> = new Set<ErrorCode>([
  "unauthenticated",
  "forbidden",
  "unsupported",
  "invalid",
  "unavailable",
  "conflict",
  "too-large",
]);
const refusalOf = (code: string, message: string): AppError =>
  new AppError(CODES.has(code) ? (code as ErrorCode) : "forbidden", message);

/** @throws AppError as HubLink.connect. */
export async function openSession(
  client: Client,
  hello: Hello,
  opts: { signal: AbortSignal; helloTimeoutMs: number; log: Log },
): Promise<ControlSession> {
  const call: ClientDuplexStream<Uint8Array, Buffer> = client.makeBidiStreamRequest(
    LINK_METHODS.connect,
    raw,
    (bytes: Buffer) => bytes,
  );
  const outbox = createPacedWriter(call, { bytesMax: OUTBOX_BYTES_MAX });
  const inbox = createInbox<HubMessage>({
    lengthMax: INBOX_LENGTH_MAX,
    pause: () => call.pause(),
    resume: () => call.resume(),
  });
  const ended = new AbortController();
  const acked = Promise.withResolvers<HelloAck>();
  acked.promise.catch(() => {});
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  const roomWaiters = new Set<() => void>();
  let heartbeats: NodeJS.Timeout | null = null;
  let heard = 0;
  let sequence = 0;
  let ack: HelloAck | null = null;

  /** `why` null: this side closed it. */
  const end = (why: AppError | null): void => {
    if (ended.signal.aborted) return;
    const reason = why ?? new AppError("unavailable", "the session was closed");
    ended.abort(reason);
    if (heartbeats !== null) clearInterval(heartbeats);
    outbox.close();
    inbox.close(why);
    acked.reject(reason);
    for (const pending of waiting.values()) pending.reject(reason);
    waiting.clear();
    for (const wake of [...roomWaiters]) wake();
    if (why === null) call.end();
    else call.cancel();
    // What was asked for politely happens in any case.
    setTimeout(() => call.cancel(), GOODBYE_MS).unref();
  };

  const receive = (envelope: HubEnvelope): void => {
    switch (envelope.kind) {
      case "unknown":
      case "heartbeat":
        return;
      case "hello-ack":
        ack = envelope.ack;
        acked.resolve(envelope.ack);
        return;
      case "refused":
        end(refusalOf(envelope.code, envelope.message));
        return;
      case "report-ack":
        for (const [number, pending] of waiting) {
          if (number > envelope.sequence) continue;
          waiting.delete(number);
          pending.resolve();
        }
        for (const wake of [...roomWaiters]) wake();
        return;
      default:
        inbox.put(envelope);
    }
  };

  call.on("data", (bytes: Buffer) => {
    heard += 1;
    try {
      receive(decodeHubEnvelope(bytes));
    } catch (error) {
      end(isAppError(error) ? error : new AppError("corrupt", "a message of the hub cannot be used", { cause: error }));
    }
  });
  call.on("error", (error) => end(translate(error, "link to the hub")));
  call.on("end", () => end(new AppError("unavailable", "the hub closed the connection")));

  const onAbort = () => end(new AppError("cancelled", "connecting to the hub", { cause: opts.signal.reason }));
  const deadline = setTimeout(
    () => end(new AppError("unavailable", `the hub did not answer Hello within ${opts.helloTimeoutMs / 1_000} s`)),
    opts.helloTimeoutMs,
  );
  if (opts.signal.aborted) onAbort();
  opts.signal.addEventListener("abort", onAbort, { once: true });
  try {
    outbox.push(encodeAgentEnvelope({ kind: "hello", hello }));
    const answer = await acked.promise;
    if (answer.protocol < hello.protocol.min || answer.protocol > hello.protocol.max) {
      const message = `the hub chose protocol ${answer.protocol}; this agent speaks ${hello.protocol.min} to ${hello.protocol.max}`;
      const error = new AppError("unsupported", message, { fix: "Upgrade the older of the two." });
      end(error);
      throw error;
    }
    heartbeats = setInterval(createBeat(), answer.heartbeatMs);
    heartbeats.unref();
  } finally {
    clearTimeout(deadline);
    opts.signal.removeEventListener("abort", onAbort);
  }

  /** Counted in beats and not in time: when this process was held up itself, the hub would look dead. */
  function createBeat(): () => void {
    let beats = 0;
    let silent = 0;
    let heardBefore = heard;
    return () => {
      beats += 1;
      silent = heard === heardBefore && !inbox.isPaused ? silent + 1 : 0;
      heardBefore = heard;
      if (silent >= HEARTBEATS_MISSED_MAX)
        end(new AppError("unavailable", `the hub was silent for ${silent} heartbeats`));
      else outbox.pushUrgent(encodeAgentEnvelope({ kind: "heartbeat", sequence: beats }));
    };
  }

  async function sendBatch(reports: readonly Report[], signal: AbortSignal): Promise<void> {
    while (waiting.size >= REPORT_BATCHES_MAX && !ended.signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          roomWaiters.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        roomWaiters.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
      if (signal.aborted) throw new AppError("cancelled", "reporting to the hub", { cause: signal.reason });
    }
    if (ended.signal.aborted) throw ended.signal.reason;
    sequence += 1;
    const pending = Promise.withResolvers<void>();
    pending.promise.catch(() => {});
    waiting.set(sequence, pending);
    if (!outbox.push(encodeAgentEnvelope({ kind: "reports", sequence, reports }))) {
      end(new AppError("unavailable", "the hub does not read what it is sent"));
    }
    const cancelled = Promise.withResolvers<never>();
    const onCancel = () =>
      cancelled.reject(new AppError("cancelled", "reporting to the hub", { cause: signal.reason }));
    signal.addEventListener("abort", onCancel, { once: true });
    try {
      await Promise.race([pending.promise, cancelled.promise]);
    } finally {
      signal.removeEventListener("abort", onCancel);
    }
  }

  if (ack === null) throw ended.signal.reason;
  return {
    ack,
    ended: ended.signal,
    messages: inbox,
    async report(reports, { signal }) {
      if (signal.aborted) throw new AppError("cancelled", "reporting to the hub", { cause: signal.reason });
      await Promise.all(batchesOf(reports).map((batch) => sendBatch(batch, signal)));
    },
    setActing(isActing) {
      if (!ended.signal.aborted) outbox.push(encodeAgentEnvelope({ kind: "acting", isActing }));
    },
    async close() {
      end(null);
    },
  };
}

/** Checked here, where a wrong one can be mended: the hub would refuse the session for it, again and again. */
function batchesOf(reports: readonly Report[]): Report[][] {
  const batches: Report[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const report of reports) {
    const value = readModel(reportModel, report, `report of ${report.app.project}/${report.app.name}`);
    // Objects dominate: near enough to bound a batch without encoding twice.
    const size = 1_024 + 512 * (value.objects.length + value.problems.length + value.drift.length);
    if (bytes + size > BATCH_BYTES_MAX || (batches.at(-1)?.length ?? 0) >= BATCH_REPORTS_MAX) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(value);
    bytes += size;
  }
  return batches;
}
