import { cancelled } from "@muster/shared/clock.ts";
import type { HubSession } from "../ports/hub-link.ts";
import type { SessionSlot } from "./fetch-bundle.ts";

/** Whether this process acts now, and a way to wait until that changes. */
export class ActingSwitch {
  #isActing = false;
  #change = Promise.withResolvers<void>();

  get isActing(): boolean {
    return this.#isActing;
  }

  set(isActing: boolean): void {
    if (isActing === this.#isActing) return;
    this.#isActing = isActing;
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  changed(): Promise<void> {
    return this.#change.promise;
  }
}

/** The present session, for whoever needs the hub for something. */
export class SessionHolder implements SessionSlot {
  #current: HubSession | null = null;
  #next = Promise.withResolvers<void>();

  get current(): HubSession | null {
    return this.#current;
  }

  set(session: HubSession | null): void {
    this.#current = session;
    if (session === null) return;
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  }

  async next(signal: AbortSignal): Promise<void> {
    if (this.#current !== null) return;
    const { promise, reject } = Promise.withResolvers<void>();
    const onAbort = () => reject(cancelled("waiting for the hub", signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await Promise.race([promise, this.#next.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
