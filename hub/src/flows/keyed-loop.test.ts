import { silentLog } from "@muster/shared/log.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { describe, expect, it } from "vitest";
import { KeyedLoop } from "./keyed-loop.ts";

function loopOf(
  work: (key: string) => Promise<void>,
  concurrencyMax = 2,
  fairness?: { groupOf: (key: string) => string; spare: number },
) {
  const clock = new FakeClock();
  const loop = new KeyedLoop({
    name: "test",
    concurrencyMax,
    ...(fairness ? { fairness } : {}),
    work,
    clock,
    random: () => 0.5,
    log: silentLog,
  });
  loop.start();
  return { loop, clock };
}

/** Work that a test lets go on by hand. */
function gated() {
  const running: { key: string; finish: () => void }[] = [];
  const begun: string[] = [];
  const work = (key: string) =>
    new Promise<void>((resolve) => {
      begun.push(key);
      running.push({ key, finish: resolve });
    });
  const finish = async (key: string) => {
    const index = running.findIndex((one) => one.key === key);
    running.splice(index, 1)[0]?.finish();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, work, finish };
}

describe("KeyedLoop", () => {
  it("runs a key once more, and only once, however often it is woken meanwhile", async () => {
    const { begun, work, finish } = gated();
    const { loop } = loopOf(work);
    for (let times = 0; times < 5; times += 1) loop.wake("a");
    expect(begun).toEqual(["a"]);
    for (let times = 0; times < 5; times += 1) loop.wake("a");
    await finish("a");
    expect(begun).toEqual(["a", "a"]);
    await finish("a");
    expect(begun).toEqual(["a", "a"]);
    await loop.idle();
  });

  it("works on several keys at once, within its bound", async () => {
    const { begun, work, finish } = gated();
    const { loop } = loopOf(work, 2);
    for (const key of ["a", "b", "c"]) loop.wake(key);
    expect(begun).toEqual(["a", "b"]);
    await finish("a");
    expect(begun).toEqual(["a", "b", "c"]);
    await finish("b");
    await finish("c");
  });

  it("keeps room for groups of which nothing runs, when one fills it with keys that take long", async () => {
    const { begun, work, finish } = gated();
    const { loop } = loopOf(work, 2, { groupOf: (key) => key.slice(0, 1), spare: 1 });
    for (const key of ["a1", "a2", "a3", "b1", "b2", "c1"]) loop.wake(key);
    expect(begun).toEqual(["a1", "a2", "b1"]);
    await finish("b1");
    await finish("b2");
    await finish("c1");
    expect(begun).toEqual(["a1", "a2", "b1", "b2", "c1"]);
    await finish("a1");
    expect(begun.at(-1)).toBe("a3");
    for (const key of ["a2", "a3"]) await finish(key);
    await loop.idle();
  });

  it("gives groups turns", async () => {
    const { begun, work, finish } = gated();
    const { loop } = loopOf(work, 1, { groupOf: (key) => key.slice(0, 1), spare: 0 });
    for (const key of ["a1", "a2", "a3", "b1"]) loop.wake(key);
    for (const key of ["a1", "a2", "b1", "a3"]) await finish(key);
    expect(begun).toEqual(["a1", "a2", "b1", "a3"]);
    await loop.idle();
  });

  it("tries a failing key again, later and later, while the others go on", async () => {
    const tried: string[] = [];
    const { loop, clock } = loopOf(async (key) => {
      tried.push(key);
      if (key === "bad") throw new Error("no");
    });
    loop.wake("bad");
    await loop.idle();
    const waits: (number | null)[] = [];
    for (let times = 0; times < 3; times += 1) {
      waits.push(clock.nextWakeMs);
      await clock.advance(clock.nextWakeMs ?? 0);
      await loop.idle();
    }
    expect(waits).toEqual([100, 200, 400]);
    loop.wake("good");
    await loop.idle();
    expect(tried).toEqual(["bad", "bad", "bad", "bad", "good"]);
    await loop.stop();
    expect(clock.sleepers).toBe(0);
  });

  it("sets one next try, however often a failing key is woken meanwhile", async () => {
    let tries = 0;
    const { loop, clock } = loopOf(async () => {
      tries += 1;
      throw new Error("no");
    });
    for (let times = 0; times < 20; times += 1) {
      loop.wake("bad");
      await loop.idle();
    }
    expect([tries, clock.sleepers]).toEqual([20, 1]);
    await clock.advance(clock.nextWakeMs ?? 0);
    await loop.idle();
    expect([tries, clock.sleepers]).toEqual([21, 1]);
    await loop.stop();
  });
});
