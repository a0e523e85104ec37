import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import { type Report, report } from "@muster/shared/model/report.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { describe, expect, test } from "vitest";
import { createReporter } from "./report-status.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const make = (name: string, message: string): Report =>
  report.parse({
    app: { uid: name, project: "p", name },
    epoch: { number: 1, tag: "t" },
    generation: 1,
    digest: null,
    phase: "Applied",
    sync: "Synced",
    health: "Healthy",
    message,
    counts: { objects: 0, synced: 0, healthy: 0, pruned: 0 },
    objects: [],
    drift: [],
    problems: [],
    observedAt: 1,
  });

function start() {
  const clock = new FakeClock();
  const state = new Map<string, string>();
  const sent: string[] = [];
  const acks: PromiseWithResolvers<void>[] = [];
  const reporter = createReporter({
    clock,
    log: silentLog,
    build: (key) => (state.has(key) ? make(key, state.get(key) ?? "") : null),
    keys: () => state.keys(),
  });
  const serve = () => {
    const stop = new AbortController();
    const ended = reporter.serve(
      {
        report: (reports) => {
          for (const { app, message } of reports) sent.push(`${app.name}=${message}`);
          const ack = Promise.withResolvers<void>();
          acks.push(ack);
          return ack.promise;
        },
      },
      stop.signal,
    );
    return { stop, ended };
  };
  const say = (key: string, message: string, urgency: "verdict" | "progress" = "verdict") => {
    state.set(key, message);
    reporter.changed(key, urgency);
  };
  return { clock, sent, acks, serve, say };
}

describe("the reporter", () => {
  test("tells a state again that came back before the one between was acknowledged", async () => {
    const { sent, acks, serve, say } = start();
    serve();
    say("a", "healthy");
    await turn();
    acks[0]?.resolve();
    await turn();
    say("a", "progressing");
    await turn();
    say("a", "healthy");
    await turn();
    acks[1]?.resolve();
    await turn();
    expect(sent).toEqual(["a=healthy", "a=progressing", "a=healthy"]);
  });

  test("tells a verdict at once, progress a little later and not too often, and only the latest state", async () => {
    const { clock, sent, serve, say } = start();
    serve();
    say("a", "1");
    await turn();
    expect(sent).toEqual(["a=1"]);
    say("a", "2", "progress");
    say("a", "3", "progress");
    await clock.advance(999);
    expect(sent).toEqual(["a=1"]);
    await clock.advance(1);
    expect(sent).toEqual(["a=1", "a=3"]);
  });

  test("does not tell again what was acknowledged", async () => {
    const { sent, acks, serve, say } = start();
    serve();
    say("a", "1");
    await turn();
    acks[0]?.resolve();
    await turn();
    say("a", "1");
    await turn();
    expect(sent).toEqual(["a=1"]);
  });

  test("a broken session's reports go to the next one, in their latest state", async () => {
    const { sent, acks, serve, say } = start();
    const first = serve();
    say("a", "1");
    await turn();
    acks[0]?.reject(new AppError("unavailable", "cut"));
    await first.ended;
    say("a", "2");
    say("b", "1");
    serve();
    await turn();
    expect(sent).toEqual(["a=1", "a=2", "b=1"]);
  });

  test("waits for acknowledgements when the hub is slow, and sends nothing more when it stops", async () => {
    const { clock, sent, acks, serve, say } = start();
    const { stop, ended } = serve();
    for (let i = 0; i < 10; i++) {
      say(`k${i}`, "1");
      await turn();
    }
    expect(acks).toHaveLength(4);
    acks[0]?.resolve();
    await turn();
    // What waited goes together.
    expect(acks).toHaveLength(5);
    expect(sent).toHaveLength(10);
    stop.abort();
    for (const ack of acks) ack.resolve();
    await ended;
    expect(clock.sleepers).toBe(0);
  });

  test("a clock that is set back delays nothing", async () => {
    const { clock, sent, serve, say } = start();
    serve();
    say("a", "1");
    await turn();
    clock.set(clock.now() - 3_600_000);
    say("a", "2", "progress");
    await clock.advance(1_000);
    expect(sent).toEqual(["a=1", "a=2"]);
  });
});
