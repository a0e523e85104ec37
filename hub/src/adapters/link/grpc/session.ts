import { AppError, isAppError, messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { createPacedWriter } from "@muster/shared/paced-writer.ts";
import { HEARTBEATS_MISSED_MAX, REPORT_BATCHES_MAX } from "@muster/shared/wire/service.ts";
import { type AgentEnvelope, decodeAgentEnvelope, encodeHubEnvelope } from "@muster/shared/wire/session.ts";
import type { AgentGate, AgentSession, HubEvent, Peer } from "../../../ports/agent-link.ts";
import type { LinkLimits } from "./limits.ts";
import type { ConnectCall } from "./peer.ts";
import type { Turnstile } from "./turnstile.ts";

/**
 * One agent's control stream, the hub's end.
 *
 * States: waiting (for Hello, within a deadline) → greeting (the flows decide; in line when many come at once) → open
 * (messages both ways, heartbeats both ways) → ended. It ends when the agent leaves, falls silent, does not keep up,
 * breaks the protocol or is refused, when its certificate expires, or when the link closes. A refusal is told before
 * the end; everything else is found by the agent as a lost connection, and it comes again.
 */
export interface HubSideSession {
  readonly peer: Peer;
  /** As AgentSession.refuse. */
  refuse(code: string, message: string): void;
  readonly closed: AbortSignal;
}

/** Between the farewell and pulling the plug. */
const FAREWELL_MS = 2_000;
/** An end of the stream that takes nothing for so many heartbeats is stuck. */
const STUCK_HEARTBEATS_MAX = 6;

export function serveSession(
  call: ConnectCall,
  peer: Peer & { notAfter: number },
  opts: {
    readonly gate: AgentGate;
    readonly limits: LinkLimits;
    readonly greetings: Turnstile;
    readonly now: () => number;
    readonly log: Log;
    /** Destroys the connection under the stream. */
    readonly cut: () => void;
  },
): HubSideSession {
  const { gate, limits, log } = opts;
  const ended = new AbortController();
  const outbox = createPacedWriter(call, { bytesMax: limits.outboxBytesMax });
  let state: "waiting" | "greeting" | "open" | "ended" = "waiting";
  let isAccepted = false;
  let heard = 0;
  let reportsUnderWay = 0;
  let lastSequence = 0;
  let ackedSequence = 0;
  let reporting: Promise<void> = Promise.resolve();
  let heartbeats: NodeJS.Timeout | null = null;
  // What the flows send between being asked and the ack.
  let early: Uint8Array[] | null = [];

  const helloDeadline = setTimeout(() => end("no Hello in time", "cut"), limits.helloTimeoutMs);

  const session: AgentSession = { peer, send, refuse, closed: ended.signal };

  function end(reason: string, how: "cut" | "farewell" | "gone"): void {
    if (state === "ended") return;
    const was = state;
    state = "ended";
    clearTimeout(helloDeadline);
    if (heartbeats !== null) clearInterval(heartbeats);
    early = null;
    if (how === "farewell") {
      call.end();
      setTimeout(opts.cut, FAREWELL_MS).unref();
    }
    outbox.close();
    if (how === "cut") opts.cut();
    log.info({ cluster: peer.clusterId, address: peer.address, state: was, reason }, "agent session ended");
    ended.abort(new AppError("unavailable", reason));
    if (isAccepted) gate.gone(session);
  }

  function refuse(code: string, message: string): void {
    if (state === "ended") return;
    log.warn({ cluster: peer.clusterId, address: peer.address, code, reason: message }, "agent refused");
    // Who does not take what it was sent before does not take this either, and is cut off.
    const isStuck = outbox.isBlocked;
    outbox.pushUrgent(encodeHubEnvelope({ kind: "refused", code, message }));
    end(`refused: ${code}`, isStuck ? "cut" : "farewell");
  }

  function send(event: HubEvent): void {
    if (state === "ended") return;
    if (event.kind === "report-ack") ackedSequence = Math.max(ackedSequence, event.sequence);
    const bytes = encodeHubEnvelope(event);
    if (early !== null) early.push(bytes);
    else if (!outbox.push(bytes)) end(`does not keep up: ${outbox.waitingBytes} bytes wait for it`, "cut");
  }

  async function greet(hello: Extract<AgentEnvelope, { kind: "hello" }>["hello"]): Promise<void> {
    state = "greeting";
    clearTimeout(helloDeadline);
    let leave: (() => void) | null = null;
    try {
      leave = await opts.greetings.enter(ended.signal);
      const answer = await gate.greet(session, hello);
      if (answer.kind === "refused") return refuse(answer.code, answer.message);
      isAccepted = true;
      // It left while the flows were deciding: they must know.
      if (ended.signal.aborted) return gate.gone(session);
      state = "open";
      outbox.push(encodeHubEnvelope({ kind: "hello-ack", ack: answer.ack }));
      const waited = early ?? [];
      early = null;
      for (const bytes of waited) outbox.push(bytes);
      heartbeats = setInterval(beat, answer.ack.heartbeatMs);
      heartbeats.unref();
      log.info({ cluster: peer.clusterId, address: peer.address, acting: hello.isActing }, "agent connected");
      answer.onAckSent();
    } catch (error) {
      if (ended.signal.aborted) return;
      if (!isAppError(error)) log.error({ cluster: peer.clusterId, err: error }, "greeting an agent failed");
      refuse(isAppError(error) ? error.code : "unavailable", messageOf(error));
    } finally {
      leave?.();
    }
  }

  let beats = 0;
  let silentBeats = 0;
  let stuckBeats = 0;
  let heardBefore = 0;
  let writtenBefore = 0;
  // Counted in beats and not in time: when this process was held up itself, every agent would look dead at once.
  function beat() {
    beats += 1;
    silentBeats = heard === heardBefore && !call.isPaused() ? silentBeats + 1 : 0;
    heardBefore = heard;
    if (silentBeats >= HEARTBEATS_MISSED_MAX) return end(`silent for ${silentBeats} heartbeats`, "cut");
    stuckBeats = outbox.isBlocked && outbox.written === writtenBefore ? stuckBeats + 1 : 0;
    writtenBefore = outbox.written;
    if (stuckBeats >= STUCK_HEARTBEATS_MAX) return end("does not read what it is sent", "cut");
    if (opts.now() >= peer.notAfter) {
      return refuse("unauthenticated", "the certificate of this connection has expired; connect with the renewed one.");
    }
    outbox.pushUrgent(encodeHubEnvelope({ kind: "heartbeat", sequence: beats }));
  }

  function receiveReports({ sequence, reports }: Extract<AgentEnvelope, { kind: "reports" }>) {
    if (sequence !== lastSequence + 1) {
      return refuse("invalid", `report batch ${sequence} came after ${lastSequence}: one between them is missing.`);
    }
    if (reportsUnderWay >= REPORT_BATCHES_MAX) {
      return refuse("invalid", `more than ${REPORT_BATCHES_MAX} report batches without an ack.`);
    }
    lastSequence = sequence;
    reportsUnderWay += 1;
    reporting = reporting
      .then(() => (ended.signal.aborted ? undefined : gate.report(session, { sequence, reports })))
      .then(
        () => {
          if (ackedSequence < sequence) send({ kind: "report-ack", sequence });
        },
        (error) => {
          if (ended.signal.aborted) return;
          log.error({ cluster: peer.clusterId, sequence, err: error }, "reports not stored");
          refuse(
            isAppError(error) ? error.code : "unavailable",
            `the hub could not store reports: ${messageOf(error)}`,
          );
        },
      )
      .finally(() => {
        reportsUnderWay -= 1;
      });
  }

  function receive(envelope: AgentEnvelope) {
    if (envelope.kind === "unknown") return;
    if (state === "waiting") {
      if (envelope.kind !== "hello") return refuse("invalid", "the first message must be Hello.");
      greet(envelope.hello);
      return;
    }
    if (state !== "open") return refuse("invalid", "nothing may be said between Hello and its ack.");
    switch (envelope.kind) {
      case "hello":
        return refuse("invalid", "Hello was said already.");
      case "heartbeat":
        return gate.heartbeat(session);
      case "acting":
        return gate.acting(session, envelope.isActing);
      case "reports":
        return receiveReports(envelope);
    }
  }

  call.on("data", (bytes: Buffer) => {
    heard += 1;
    if (state === "ended") return;
    try {
      receive(decodeAgentEnvelope(bytes));
    } catch (error) {
      if (!isAppError(error)) log.error({ cluster: peer.clusterId, err: error }, "an agent's message failed");
      refuse(isAppError(error) ? error.code : "unavailable", messageOf(error));
    }
  });
  call.on("end", () => {
    end("the agent left", "gone");
    call.end();
  });
  call.on("cancelled", () => end("the connection was lost", "gone"));
  call.on("error", (error) => end(`the connection failed: ${messageOf(error)}`, "gone"));

  return { peer, refuse, closed: ended.signal };
}
