import { describe, expect, it } from "vitest";
import { FakeClock } from "./fake-clock.ts";

describe("FakeClock", () => {
  it("wakes sleepers in the order they are due, each at its own time", async () => {
    const clock = new FakeClock(1_000);
    const seen: [string, number][] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.sleep(ms);
      seen.push([name, clock.now()]);
    };
    void sleeper("late", 500);
    void sleeper("early", 100);
    await clock.advance(99);
    expect(seen).toEqual([]);
    await clock.advance(1_000);
    expect(seen).toEqual([
      ["early", 1_100],
      ["late", 1_500],
    ]);
    expect(clock.now()).toBe(2_099);
  });

  it("wakes sleeps that start while time moves", async () => {
    const clock = new FakeClock(0);
    const ticks: number[] = [];
    const stop = new AbortController();
    const loop = (async () => {
      for (;;) {
        await clock.sleep(10, stop.signal);
        ticks.push(clock.now());
      }
    })();
    await clock.advance(35);
    expect(ticks).toEqual([10, 20, 30]);
    expect(clock.nextWakeMs).toBe(5);
    stop.abort();
    await expect(loop).rejects.toMatchObject({ code: "cancelled" });
    expect(clock.sleepers).toBe(0);
  });
});
