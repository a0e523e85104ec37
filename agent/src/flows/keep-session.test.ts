import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { expect, it, vi } from "vitest";
import type { HubLink, HubSession } from "../ports/hub-link.ts";
import { keepSession, type SessionDeps } from "./keep-session.ts";
import { ActingSwitch, SessionHolder } from "./session-holder.ts";

/** A hub that greets and then ends every session after `lastsMs`. */
function start(lastsMs: number, ending = new AppError("forbidden", "the cluster was removed")) {
  const clock = new FakeClock();
  const stop = new AbortController();
  let connects = 0;
  const link = {
    async connect() {
      connects += 1;
      return {
        ack: { hubId: "hub", hubVersion: "1", hubTime: clock.now(), keySet: {} },
        messages: (async function* () {
          await clock.sleep(lastsMs, stop.signal);
          yield* [];
          throw ending;
        })(),
        setActing() {},
        async close() {},
      } as unknown as HubSession;
    },
    async close() {},
  } as HubLink;
  const kept = keepSession({
    link,
    clock,
    log: silentLog,
    random: () => 0.99,
    reporter: { serve: async () => {} },
    slot: new SessionHolder(),
    trust: { offer: async () => {} },
    hello: async () => ({}),
    acting: new ActingSwitch(),
    onAssignment() {},
    onUnauthenticated() {},
    signal: stop.signal,
  } as unknown as SessionDeps);
  return {
    connects: () => connects,
    /** Goes through virtual time from one timer to the next. */
    async pass(ms: number) {
      const end = clock.now() + ms;
      while (clock.now() < end) {
        await vi.waitFor(() => expect(clock.sleepers).toBeGreaterThan(0));
        await clock.advance(Math.min(clock.nextWakeMs ?? ms, end - clock.now()));
      }
    },
    async end() {
      stop.abort();
      await kept;
    },
  };
}

it("asks ever more seldom a hub that greets and then turns it away", async () => {
  const agent = start(10);
  await agent.pass(10 * 60_000);
  expect(agent.connects()).toBeGreaterThan(15);
  expect(agent.connects()).toBeLessThan(30);
  await agent.end();
});

it("comes back soon however often the link is cut", async () => {
  const agent = start(2_000, new AppError("unavailable", "the link was cut"));
  await agent.pass(60_000);
  expect(agent.connects()).toBeGreaterThan(15);
  await agent.end();
});

it("comes back soon after a session that had lasted", async () => {
  const agent = start(60_000);
  await agent.pass(10 * 60_000);
  expect(agent.connects()).toBeGreaterThan(8);
  await agent.end();
});
