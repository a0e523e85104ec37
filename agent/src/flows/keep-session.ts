import { backoff } from "@muster/shared/backoff.ts";
import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import type { SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { Hello } from "@muster/shared/model/session.ts";
import type { HubLink, HubSession } from "../ports/hub-link.ts";
import type { Reporter } from "./report-status.ts";
import type { ActingSwitch, SessionHolder } from "./session-holder.ts";
import type { Trust } from "./trust.ts";

export interface SessionDeps {
  readonly link: HubLink;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly reporter: Reporter;
  readonly slot: SessionHolder;
  readonly trust: Trust;
  /** As things stand; asked anew for every session. */
  readonly hello: (signal: AbortSignal) => Promise<Hello>;
  /** Changes whenever this process begins or ends to act. */
  readonly acting: ActingSwitch;
  readonly onAssignment: (signed: SignedAssignment) => void;
  /** The hub did not accept the certificate, or is not where it was: a renewal brings both up to date. */
  readonly onUnauthenticated: () => void;
  readonly signal: AbortSignal;
}

/** A hub that turned this agent away after so long does so for a new reason: it is asked again soon. */
const lastingMs = 30_000;
const clockSkewMsMax = 60_000;
/** Failures in a row, about 15 s, after which the link may have moved to another endpoint. */
const unreachableAttemptsMin = 5;

/**
 * Keeps a session with the hub, for ever. A session is opened as acting or as stand-by: when this process begins to
 * act it is opened anew, so that Hello says what is held. Without a hub everything else goes on.
 */
export async function keepSession(deps: SessionDeps): Promise<void> {
  const { link, clock, log, signal, acting, slot } = deps;
  const wait = backoff({ initialMs: 1_000, maxMs: 30_000, random: deps.random });
  await Promise.race([acting.changed(), clock.sleep(2_000, signal).catch(() => {})]);
  while (!signal.aborted) {
    const stop = new AbortController();
    const ending = AbortSignal.any([signal, stop.signal]);
    const isActing = acting.isActing;
    let session: HubSession | null = null;
    let connectedAt: number | null = null;
    let isRefused = false;
    try {
      const hello = await deps.hello(signal);
      session = await link.connect(hello, { signal });
      connectedAt = clock.now();
      log.info({ hub: session.ack.hubId, hubVersion: session.ack.hubVersion, isActing }, "connected to the hub");
      const skewMs = session.ack.hubTime - clock.now();
      if (Math.abs(skewMs) > clockSkewMsMax) log.warn({ skewMs }, "the clocks of hub and agent differ");
      await deps.trust.offer(session.ack.keySet);
      slot.set(session);
      const reporting = isActing ? deps.reporter.serve(session, ending) : Promise.resolve();
      const switching = followSwitch(acting, session, isActing, ending);
      for await (const message of session.messages) {
        if (message.kind === "assignment" && acting.isActing && isActing) deps.onAssignment(message.signed);
        if (message.kind === "key-set") await deps.trust.offer(message.keySet);
        if (message.kind === "ahead") {
          log.warn(
            { apps: message.apps },
            "ahead of the hub: these Apps keep what they run until somebody recovers them",
          );
        }
      }
      stop.abort();
      await Promise.all([reporting, switching]);
    } catch (error) {
      isRefused = isAppError(error, "forbidden");
      const isUnreachable = session === null && wait.attempts >= unreachableAttemptsMin;
      if (isAppError(error, "unauthenticated") || isUnreachable) deps.onUnauthenticated();
      if (!signal.aborted) log.warn(whyOf(error), "no session with the hub; what runs here goes on");
    } finally {
      stop.abort();
      slot.set(null);
      await session?.close().catch(() => {});
    }
    if (signal.aborted) return;
    // A link that was cut is made anew at once; a refusal is not answered by asking again and again.
    if (connectedAt !== null && (!isRefused || clock.now() - connectedAt >= lastingMs)) wait.reset();
    // Not a failure: the same hub is asked again at once, in another role.
    if (acting.isActing !== isActing) continue;
    await Promise.race([clock.sleep(wait.next(), signal).catch(() => {}), acting.changed()]);
  }
}

/** A stack helps with a bug; a refusal says all there is to say. */
const whyOf = (error: unknown): Record<string, unknown> =>
  isAppError(error) ? { reason: error.message, ...(error.fix ? { fix: error.fix } : {}) } : { err: error };

/** Tells the hub when this process stops acting; ends the session when it begins to. */
async function followSwitch(
  acting: ActingSwitch,
  session: HubSession,
  isActing: boolean,
  ending: AbortSignal,
): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    ending.addEventListener("abort", () => resolve(), { once: true });
    if (ending.aborted) resolve();
  });
  while (!ending.aborted && acting.isActing === isActing) await Promise.race([acting.changed(), ended]);
  if (isActing && !acting.isActing) session.setActing(false);
  await session.close().catch(() => {});
}
