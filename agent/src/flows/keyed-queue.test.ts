import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { describe, expect, test } from "vitest";
import { KeyedQueue } from "./keyed-queue.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function start(concurrency = 2) {
  const clock = new FakeClock();
  const queue = new KeyedQueue<string>({ clock });
  const stop = new AbortController();
  const begun: string[] = [];
  const finish = new Map<string, () => void>();
  const ended = queue.run(
    (key) => {
      begun.push(key);
      return new Promise<void>((resolve) => finish.set(key, resolve));
    },
    { concurrency, signal: stop.signal },
  );
  const end = async (key: string) => {
    finish.get(key)?.();
    await turn();
  };
  return { clock, queue, stop, begun, end, ended };
}

describe("KeyedQueue", () => {
  test("works on a key once at a time, and again if it was added meanwhile", async () => {
    const { queue, begun, end } = start();
    queue.add("a");
    await turn();
    queue.add("a");
    queue.add("a");
    await turn();
    expect(begun).toEqual(["a"]);
    await end("a");
    expect(begun).toEqual(["a", "a"]);
    await end("a");
    expect(queue.isIdle).toBe(true);
  });

  test("never works on more keys than it may", async () => {
    const { queue, begun, end } = start(2);
    for (const key of ["a", "b", "c"]) queue.add(key);
    await turn();
    expect(begun).toEqual(["a", "b"]);
    await end("a");
    expect(begun).toEqual(["a", "b", "c"]);
  });

  test("later comes later, sooner wins, now wins over both", async () => {
    const { clock, queue, begun, end } = start();
    queue.addAfter("a", 1_000);
    queue.addAfter("a", 500);
    queue.addAfter("a", 2_000);
    queue.addAfter("b", 9_000);
    await turn();
    await clock.advance(499);
    expect(begun).toEqual([]);
    await clock.advance(1);
    await turn();
    expect(begun).toEqual(["a"]);
    await end("a");
    queue.add("b");
    await turn();
    expect(begun).toEqual(["a", "b"]);
    await end("b");
    await clock.advance(20_000);
    expect(begun).toEqual(["a", "b"]);
  });

  test("stops: waits for what is under way, begins nothing more, and can run again", async () => {
    const { clock, queue, stop, begun, end, ended } = start(1);
    queue.add("a");
    queue.add("b");
    await turn();
    stop.abort();
    await turn();
    await end("a");
    await ended;
    expect(begun).toEqual(["a"]);
    expect(clock.sleepers).toBe(0);
  });

  test("gives the place of work that waits to others, and takes no more than there are when it goes on", async () => {
    const queue = new KeyedQueue<string>({ clock: new FakeClock() });
    const stop = new AbortController();
    const told: string[] = [];
    const answers = new Map<string, PromiseWithResolvers<void>>();
    const place = Promise.withResolvers<void>();
    const ended = queue.run(
      async (key, aside) => {
        told.push(`${key} begins`);
        if (key === "last") return place.promise;
        const answer = Promise.withResolvers<void>();
        answers.set(key, answer);
        await aside(() => answer.promise);
        told.push(`${key} goes on`);
      },
      { concurrency: 1, signal: stop.signal },
    );
    for (const key of ["a", "b", "last"]) queue.add(key);
    await turn();
    await turn();
    expect(told).toEqual(["a begins", "b begins", "last begins"]);
    answers.get("a")?.resolve();
    await turn();
    expect(told).toHaveLength(3);
    place.resolve();
    answers.get("b")?.resolve();
    await turn();
    expect(told.slice(3)).toEqual(["a goes on", "b goes on"]);
    stop.abort();
    await ended;
    expect(queue.isIdle).toBe(true);
  });

  test("a clock that is set back delays nothing for longer than was asked for", async () => {
    const { clock, queue, begun, stop, ended } = start();
    queue.addAfter("a", 1_000);
    await turn();
    clock.set(clock.now() - 3_600_000);
    // Somebody else's work is what makes the queue look again.
    queue.add("b");
    await turn();
    await clock.advance(1_000);
    expect(begun).toEqual(["b", "a"]);
    stop.abort();
    await Promise.race([ended, turn()]);
  });
});
